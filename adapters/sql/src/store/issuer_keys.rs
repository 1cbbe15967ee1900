//! Issuer keys. A key that is `next` or `active` holds the slot of that name, of which a unique index allows one.

use async_trait::async_trait;
use kayan_ports::{
    Failure, Guard, IssuerKey, IssuerKeyChange, IssuerKeyState, IssuerKeys, JwsAlgorithm, KeyId, KeyUse, Scope, Sealed,
    TenantId, Timestamp, Unique,
};

use super::tenant_or_any;
use crate::{Driver, DriverError, Query, Reading, Row, SqlStore, Value, changes::Batch};

columns!(
    issuer_key = "k.id, k.tenant_id, k.key_use, k.algorithm, k.state, k.secret, k.public_jwk, k.created_at, k.since"
);

/// Reads `issuer_key!()`.
fn decode(mut row: Row) -> Result<IssuerKey, DriverError> {
    Ok(IssuerKey {
        id: KeyId(row.uuid()?),
        tenant: row.word(|name| name.parse().ok())?,
        usage: row.word(KeyUse::from_name)?,
        algorithm: row.word(JwsAlgorithm::from_name)?,
        state: row.word(IssuerKeyState::from_name)?,
        private: if row.at_null() { row.maybe_text()?.and(None) } else { Some(Sealed(row.bytes()?)) },
        public: row.json()?,
        created_at: row.time()?,
        since: row.time()?,
    })
}

fn decode_all(rows: Vec<Row>) -> Result<Vec<IssuerKey>, Failure> {
    Ok(rows.into_iter().map(decode).collect::<Result<_, DriverError>>()?)
}

#[async_trait]
impl<D: Driver> IssuerKeys for SqlStore<D> {
    async fn issuer_key(
        &self,
        tenant: &TenantId,
        usage: KeyUse,
        algorithm: JwsAlgorithm,
        state: IssuerKeyState,
    ) -> Result<Option<IssuerKey>, Failure> {
        let sql = concat!(
            "-- issuer_keys.read
SELECT ",
            issuer_key!(),
            "
FROM issuer_keys k
WHERE k.tenant_id = ? AND k.key_use = ? AND k.algorithm = ? AND k.slot = ?"
        );
        let of = Value::text(tenant.as_str());
        let params = vec![of, usage.as_str().into(), algorithm.as_str().into(), state.as_str().into()];
        let rows = self.driver.read(Query { sql, params, reading: Reading::Point }).await?;
        Ok(rows.into_iter().next().map(decode).transpose()?)
    }

    async fn issuer_key_of_id(&self, scope: &Scope, id: KeyId) -> Result<Option<IssuerKey>, Failure> {
        let sql = concat!(
            "-- issuer_keys.find
SELECT ",
            issuer_key!(),
            "
FROM issuer_keys k
WHERE k.id = ? AND k.tenant_id = COALESCE(?, k.tenant_id)"
        );
        let params = vec![id.0.into(), tenant_or_any(scope)];
        let rows = self.driver.read(Query { sql, params, reading: Reading::Point }).await?;
        Ok(rows.into_iter().next().map(decode).transpose()?)
    }

    async fn issuer_keys(&self, scope: &Scope) -> Result<Vec<IssuerKey>, Failure> {
        let sql = concat!(
            "-- issuer_keys.list
SELECT ",
            issuer_key!(),
            "
FROM issuer_keys k
WHERE k.tenant_id = COALESCE(?, k.tenant_id)
ORDER BY k.created_at DESC, k.id DESC
LIMIT 1000"
        );
        let params = vec![tenant_or_any(scope)];
        decode_all(self.driver.read(Query { sql, params, reading: Reading::Scan }).await?)
    }

    async fn due_issuer_keys(&self, state: IssuerKeyState, until: Timestamp) -> Result<Vec<IssuerKey>, Failure> {
        let sql = if state == IssuerKeyState::Active {
            concat!(
                "-- issuer_keys.due_without_next
SELECT ",
                issuer_key!(),
                "
FROM issuer_keys k
LEFT JOIN issuer_keys n
  ON n.tenant_id = k.tenant_id AND n.key_use = k.key_use AND n.algorithm = k.algorithm AND n.slot = 'next'
WHERE k.state = ? AND k.since <= ? AND n.id IS NULL
ORDER BY k.since
LIMIT 100"
            )
        } else {
            concat!(
                "-- issuer_keys.due
SELECT ",
                issuer_key!(),
                "
FROM issuer_keys k
WHERE k.state = ? AND k.since <= ?
ORDER BY k.since
LIMIT 100"
            )
        };
        let params = vec![state.as_str().into(), until.into()];
        decode_all(self.driver.read(Query { sql, params, reading: Reading::Scan }).await?)
    }
}

pub(crate) fn apply(batch: &mut Batch, change: IssuerKeyChange) -> Result<(), DriverError> {
    match change {
        IssuerKeyChange::Add(key) => add(batch, *key)?,
        IssuerKeyChange::Activate { tenant, key, at } => {
            let sql = "-- issuer_keys.activate
UPDATE issuer_keys
SET state = 'active', slot = 'active', since = ?
WHERE id = ? AND tenant_id = ? AND state = 'next'";
            let params = vec![at.into(), key.0.into(), Value::text(tenant.as_str())];
            batch.guarded_unique(sql, params, Guard::IssuerKey, Unique::IssuerKey);
        }
        IssuerKeyChange::Retire { tenant, key, from, to, at } => {
            let sql = "-- issuer_keys.retire
UPDATE issuer_keys
SET state = ?, slot = NULL, secret = NULL, since = ?
WHERE id = ? AND tenant_id = ? AND state = ?";
            let of = Value::text(tenant.as_str());
            let params = vec![to.as_str().into(), at.into(), key.0.into(), of, from.as_str().into()];
            batch.guarded(sql, params, Guard::IssuerKey);
        }
    }
    Ok(())
}

fn add(batch: &mut Batch, key: IssuerKey) -> Result<(), DriverError> {
    let sql = "-- issuer_keys.add
INSERT INTO issuer_keys
  (id, tenant_id, key_use, algorithm, state, slot, secret, public_jwk, created_at, since)
SELECT ?, t.id, ?, ?, ?, ?, ?, ?, ?, ?
FROM tenants t
WHERE t.id = ?";
    let IssuerKey { id, tenant, usage, algorithm, state, private, public, created_at, since } = key;
    let params = vec![
        id.0.into(),
        usage.as_str().into(),
        algorithm.as_str().into(),
        state.as_str().into(),
        state.is_single().then_some(state.as_str()).into(),
        private.map(|sealed| sealed.0).into(),
        Value::json(&public)?,
        created_at.into(),
        since.into(),
        Value::text(tenant.as_str()),
    ];
    batch.guarded_unique(sql, params, Guard::Tenant, Unique::IssuerKey);
    Ok(())
}
