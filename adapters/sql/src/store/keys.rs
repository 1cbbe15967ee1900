//! The data key, and the signing keys that it seals.

use async_trait::async_trait;
use kayan_ports::{
    Failure, Guard, KeyChange, KeyId, KeyPurpose, Scope, Sealed, SealedKey, StoredKeys, Unique, WrappedKey, Wrapper,
};

use crate::{Driver, Query, Reading, SqlStore, Value, changes::Batch};

/// The `tenant_id` of the system itself; no tenant has this name.
pub(crate) const SYSTEM: &str = "";

pub(crate) fn owner(scope: &Scope) -> Value {
    scope.tenant().map_or(SYSTEM.into(), |tenant| Value::text(tenant.as_str()))
}

#[async_trait]
impl<D: Driver> StoredKeys for SqlStore<D> {
    async fn data_key(&self) -> Result<Option<WrappedKey>, Failure> {
        let sql = "-- data_keys.read
SELECT wrapped, wrapped_by, version, created_at, updated_at
FROM data_keys
WHERE id = 1";
        let rows = self.driver.read(Query { sql, params: Vec::new(), reading: Reading::Point }).await?;
        let Some(mut row) = rows.into_iter().next() else { return Ok(None) };
        Ok(Some(WrappedKey {
            wrapped: Sealed(row.bytes()?),
            by: row.word(Wrapper::from_name)?,
            version: row.int()?,
            created_at: row.time()?,
            updated_at: row.time()?,
        }))
    }

    async fn signing_key(&self, scope: &Scope, purpose: KeyPurpose) -> Result<Option<SealedKey>, Failure> {
        let sql = "-- signing_keys.read
SELECT id, secret, public_key, created_at
FROM signing_keys
WHERE tenant_id = ? AND purpose = ?";
        let params = vec![owner(scope), purpose.as_str().into()];
        let rows = self.driver.read(Query { sql, params, reading: Reading::Point }).await?;
        let Some(mut row) = rows.into_iter().next() else { return Ok(None) };
        Ok(Some(SealedKey {
            id: KeyId(row.uuid()?),
            scope: scope.clone(),
            purpose,
            sealed: Sealed(row.bytes()?),
            public: row.hash()?,
            created_at: row.time()?,
        }))
    }
}

pub(crate) fn apply(batch: &mut Batch, change: KeyChange) {
    match change {
        KeyChange::StoreDataKey(key) => store_data_key(batch, *key),
        KeyChange::RewrapDataKey(key) => rewrap_data_key(batch, *key),
        KeyChange::StoreSigningKey(key) => store_signing_key(batch, *key),
    }
}

/// The id is always the same, so that the primary key rejects a second row.
fn store_data_key(batch: &mut Batch, key: WrappedKey) {
    let sql = "-- data_keys.keep
INSERT INTO data_keys (id, tenant_id, wrapped, wrapped_by, version, created_at, updated_at)
VALUES (1, ?, ?, ?, ?, ?, ?)";
    let WrappedKey { wrapped, by, version, created_at, updated_at } = key;
    let params =
        vec![SYSTEM.into(), wrapped.0.into(), by.as_str().into(), version.into(), created_at.into(), updated_at.into()];
    batch.unique(sql, params, Unique::DataKey);
}

fn rewrap_data_key(batch: &mut Batch, key: WrappedKey) {
    let sql = "-- data_keys.rewrap
UPDATE data_keys
SET wrapped = ?, wrapped_by = ?, version = ?, updated_at = ?
WHERE id = 1 AND version = ?";
    let WrappedKey { wrapped, by, version, updated_at, .. } = key;
    let params = vec![wrapped.0.into(), by.as_str().into(), version.into(), updated_at.into(), (version - 1).into()];
    batch.guarded(sql, params, Guard::DataKey);
}

fn store_signing_key(batch: &mut Batch, key: SealedKey) {
    let sql = "-- signing_keys.keep
INSERT INTO signing_keys (id, tenant_id, purpose, secret, public_key, created_at)
VALUES (?, ?, ?, ?, ?, ?)";
    let SealedKey { id, scope, purpose, sealed, public, created_at } = key;
    let params =
        vec![id.0.into(), owner(&scope), purpose.as_str().into(), sealed.0.into(), public.into(), created_at.into()];
    batch.unique(sql, params, Unique::SigningKey);
}
