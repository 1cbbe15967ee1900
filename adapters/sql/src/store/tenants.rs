//! Tenants and their settings.

use async_trait::async_trait;
use kayan_ports::{
    Failure, Guard, Page, Scope, Tenant, TenantChange, TenantId, TenantQuery, TenantSettings, Tenants, Unique, Version,
};

use crate::{Driver, DriverError, Query, Reading, Row, SqlStore, Value, changes::Batch, damaged};

/// Reads `settings`; NULL stands for the defaults.
pub(crate) fn decode_settings(row: &mut Row) -> Result<TenantSettings, DriverError> {
    Ok(row.maybe_json()?.unwrap_or_default())
}

columns!(tenant = "id, name, active, settings, created_at, updated_at, version, sessions_epoch");

/// Reads `tenant!()`.
fn decode(mut row: Row) -> Result<Tenant, DriverError> {
    Ok(Tenant {
        id: row.word(|name| name.parse().ok())?,
        name: row.text()?,
        active: row.boolean()?,
        settings: decode_settings(&mut row)?,
        created_at: row.time()?,
        updated_at: row.time()?,
        version: row.int()?,
        epoch: row.int()?,
    })
}

#[async_trait]
impl<D: Driver> Tenants for SqlStore<D> {
    async fn tenant(&self, id: &TenantId) -> Result<Option<Tenant>, Failure> {
        let sql = concat!(
            "-- tenants.by_id
SELECT ",
            tenant!(),
            "
FROM tenants
WHERE id = ?"
        );
        let rows =
            self.driver.read(Query { sql, params: vec![Value::text(id.as_str())], reading: Reading::Point }).await?;
        Ok(rows.into_iter().next().map(decode).transpose()?)
    }

    async fn tenants(&self, query: &TenantQuery) -> Result<Page<Tenant>, Failure> {
        if let Some(only) = &query.only {
            let rows: Vec<Tenant> = self.tenant(only).await?.into_iter().collect();
            let total = u64::try_from(rows.len()).unwrap_or_default();
            let offset = usize::try_from(query.offset).unwrap_or(usize::MAX);
            return Ok(Page { rows: rows.into_iter().skip(offset).collect(), damaged: Vec::new(), total });
        }
        let sql = "-- tenants.count
SELECT COUNT(*)
FROM tenants";
        let counted = self.lagging().read(Query { sql, params: vec![], reading: Reading::Scan }).await?;
        let total = counted.into_iter().next().map_or(Ok(0), |mut row| row.int())?;
        let sql = concat!(
            "-- tenants.list
SELECT ",
            tenant!(),
            "
FROM tenants
ORDER BY id
LIMIT ? OFFSET ?"
        );
        let params = vec![i64::from(query.limit).into(), i64::try_from(query.offset).unwrap_or(i64::MAX).into()];
        let rows = self.lagging().read(Query { sql, params, reading: Reading::Scan }).await?;
        let (rows, damaged) = damaged::apart("tenants", 0, rows, decode);
        Ok(Page { rows, damaged, total: u64::try_from(total).unwrap_or_default() })
    }
}

/// NULL for the defaults, which is cheaper to read.
fn settings(tenant: &Tenant) -> Result<Value, DriverError> {
    if tenant.settings == TenantSettings::default() { Ok(Value::Null) } else { Value::json(&tenant.settings) }
}

pub(crate) fn apply(batch: &mut Batch, change: TenantChange) -> Result<(), DriverError> {
    match change {
        TenantChange::Create(tenant) => create(batch, &tenant)?,
        TenantChange::Replace(tenant) => replace(batch, &tenant)?,
        TenantChange::Delete { tenant, expected } => delete(batch, &tenant, expected),
    }
    Ok(())
}

fn create(batch: &mut Batch, tenant: &Tenant) -> Result<(), DriverError> {
    let sql = "-- tenants.create
INSERT INTO tenants (id, name, active, settings, created_at, updated_at, version)
VALUES (?, ?, ?, ?, ?, ?, ?)";
    let params = vec![
        Value::text(tenant.id.as_str()),
        Value::text(&tenant.name),
        tenant.active.into(),
        settings(tenant)?,
        tenant.created_at.into(),
        tenant.updated_at.into(),
        tenant.version.into(),
    ];
    batch.unique(sql, params, Unique::Tenant);
    Ok(())
}

fn replace(batch: &mut Batch, tenant: &Tenant) -> Result<(), DriverError> {
    let sql = "-- tenants.replace
UPDATE tenants
SET name = ?, active = ?, settings = ?, updated_at = ?, version = ?
WHERE id = ? AND version = ?";
    let params = vec![
        Value::text(&tenant.name),
        tenant.active.into(),
        settings(tenant)?,
        tenant.updated_at.into(),
        tenant.version.into(),
        Value::text(tenant.id.as_str()),
        tenant.version.saturating_sub(1).into(),
    ];
    batch.guarded(sql, params, Guard::Tenant);
    Ok(())
}

/// Closes it first: that waits for registrations that are under way in it, and lets no more of them begin.
fn delete(batch: &mut Batch, tenant: &TenantId, expected: Version) {
    let id = Value::text(tenant.as_str());
    let sql = "-- tenants.close
UPDATE tenants
SET active = false
WHERE id = ? AND version = ?";
    batch.guarded(sql, vec![id.clone(), expected.into()], Guard::Tenant);
    let sql = "-- tenants.forget_attempts
DELETE FROM attempts
WHERE tenant_id = ?";
    batch.free(sql, vec![id.clone()]);
    let sql = "-- tenants.forget_messages
DELETE FROM messages
WHERE tenant_id = ?";
    batch.free(sql, vec![id.clone()]);
    let sql = "-- tenants.forget_issuer_keys
DELETE FROM issuer_keys
WHERE tenant_id = ?";
    batch.free(sql, vec![id.clone()]);
    let sql = "-- tenants.delete
DELETE FROM tenants
WHERE id = ? AND NOT EXISTS (SELECT 1 FROM identities i WHERE i.tenant_id = ?)";
    batch.guarded(sql, vec![id.clone(), id], Guard::TenantInUse);
}

/// Begins a new epoch, which ends the sessions of earlier ones, also those that are being opened now. The version stays:
/// nothing changes that an operator sees. With `id = COALESCE(?, id)`, every database would read all tenants to change one.
pub(crate) fn revoke_sessions(batch: &mut Batch, scope: &Scope, epoch: i64) {
    match scope {
        Scope::Tenant(tenant) => {
            let sql = "-- tenants.revoke_sessions
UPDATE tenants
SET sessions_epoch = ?
WHERE id = ?";
            batch.free(sql, vec![epoch.into(), Value::text(tenant.as_str())]);
        }
        Scope::System => {
            let sql = "-- tenants.revoke_all_sessions
UPDATE tenants
SET sessions_epoch = ?";
            batch.free(sql, vec![epoch.into()]);
        }
    }
}
