//! Sessions as administrators look at them. Their ids are made when they are opened, and sort by that time.

use kayan_ports::{IdentityId, Page, Scope, Session, SessionId, SessionQuery, TenantId, Timestamp};

use super::decode;
use crate::{Driver, DriverError, Query, Reading, Row, Value, damaged};

/// Reads `tenant_id` and then what [`decode`] does.
fn decode_with_tenant(mut row: Row) -> Result<Session, DriverError> {
    let tenant: TenantId = row.word(|name| name.parse().ok())?;
    decode(&mut row, &tenant)
}

pub(super) async fn by_id(driver: &impl Driver, scope: &Scope, id: SessionId) -> Result<Option<Session>, DriverError> {
    let (sql, params) = match scope {
        Scope::Tenant(tenant) => (
            "-- sessions.by_id
SELECT s.tenant_id, s.id, s.identity_id, s.token_hash, s.active AND s.epoch = t.sessions_epoch, s.epoch, s.aal, s.methods,
       s.issued_at, s.expires_at, s.ends_at, s.last_seen_at, s.ip_address, s.user_agent
FROM sessions s
JOIN tenants t ON t.id = s.tenant_id
WHERE s.id = ? AND s.tenant_id = ?",
            vec![id.0.into(), Value::text(tenant.as_str())],
        ),
        Scope::System => (
            "-- sessions.by_id_anywhere
SELECT s.tenant_id, s.id, s.identity_id, s.token_hash, s.active AND s.epoch = t.sessions_epoch, s.epoch, s.aal, s.methods,
       s.issued_at, s.expires_at, s.ends_at, s.last_seen_at, s.ip_address, s.user_agent
FROM sessions s
JOIN tenants t ON t.id = s.tenant_id
WHERE s.id = ?",
            vec![id.0.into()],
        ),
    };
    let rows = driver.read(Query { sql, params, reading: Reading::Point }).await?;
    rows.into_iter().next().map(decode_with_tenant).transpose()
}

pub(super) async fn count_active(
    driver: &impl Driver,
    scope: &Scope,
    identity: Option<IdentityId>,
) -> Result<u64, DriverError> {
    let tenant = scope.tenant().map(|tenant| Value::text(tenant.as_str()));
    let sql = match (tenant.is_some(), identity.is_some()) {
        (true, true) => {
            "-- sessions.count_of_identity
SELECT COUNT(*)
FROM sessions s
JOIN tenants t ON t.id = s.tenant_id AND t.sessions_epoch = s.epoch
WHERE s.tenant_id = ? AND s.identity_id = ? AND s.active"
        }
        (true, false) => {
            "-- sessions.count_of_tenant
SELECT COUNT(*)
FROM sessions s
JOIN tenants t ON t.id = s.tenant_id AND t.sessions_epoch = s.epoch
WHERE s.tenant_id = ? AND s.active"
        }
        (false, true) => {
            "-- sessions.count_of_identity_anywhere
SELECT COUNT(*)
FROM sessions s
JOIN tenants t ON t.id = s.tenant_id AND t.sessions_epoch = s.epoch
WHERE s.identity_id = ? AND s.active"
        }
        (false, false) => {
            "-- sessions.count_active
SELECT COUNT(*)
FROM sessions s
JOIN tenants t ON t.id = s.tenant_id AND t.sessions_epoch = s.epoch
WHERE s.active"
        }
    };
    let params = tenant.into_iter().chain(identity.map(|id| id.0.into())).collect();
    count(driver, sql, params).await
}

pub(super) async fn count_by_tenant(driver: &impl Driver, at: Timestamp) -> Result<Vec<(TenantId, u64)>, DriverError> {
    let sql = "-- sessions.count_by_tenant
SELECT t.id, COUNT(*)
FROM sessions s
JOIN tenants t ON t.id = s.tenant_id AND t.sessions_epoch = s.epoch
WHERE s.active AND s.ends_at > ?
GROUP BY t.id";
    let rows = driver.read(Query { sql, params: vec![at.into()], reading: Reading::Scan }).await?;
    let counted = rows.into_iter().map(|mut row| {
        let tenant = row.word(|name| name.parse().ok())?;
        Ok((tenant, u64::try_from(row.int()?).unwrap_or_default()))
    });
    counted.collect()
}

pub(super) async fn page(driver: &impl Driver, query: &SessionQuery) -> Result<Page<Session>, DriverError> {
    let tenant = query.scope.tenant().map(|tenant| Value::text(tenant.as_str()));
    let (counting, listing) = statements(tenant.is_some(), query.identity.is_some());
    let mut params: Vec<Value> = tenant.into_iter().chain(query.identity.map(|id| id.0.into())).collect();
    params.push(query.at.into());
    let total = count(driver, counting, params.clone()).await?;
    params.push(i64::from(query.limit).into());
    params.push(i64::try_from(query.offset).unwrap_or(i64::MAX).into());
    let rows = driver.read(Query { sql: listing, params, reading: Reading::Scan }).await?;
    let (rows, damaged) = damaged::apart("sessions", 1, rows, decode_with_tenant);
    Ok(Page { rows, damaged, total })
}

async fn count(driver: &impl Driver, sql: &'static str, params: Vec<Value>) -> Result<u64, DriverError> {
    let counted = driver.read(Query { sql, params, reading: Reading::Scan }).await?;
    let count = counted.into_iter().next().map_or(Ok(0), |mut row| row.int())?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// The count and the list.
fn statements(in_tenant: bool, of_one: bool) -> (&'static str, &'static str) {
    match (in_tenant, of_one) {
        (true, true) => (
            "-- sessions.count_listed_of_identity
SELECT COUNT(*)
FROM sessions s
JOIN tenants t ON t.id = s.tenant_id AND t.sessions_epoch = s.epoch
WHERE s.tenant_id = ? AND s.identity_id = ? AND s.active AND s.ends_at > ?",
            "-- sessions.list_of_identity
SELECT s.tenant_id, s.id, s.identity_id, s.token_hash, s.active, s.epoch, s.aal, s.methods, s.issued_at, s.expires_at,
       s.ends_at, s.last_seen_at, s.ip_address, s.user_agent
FROM sessions s
JOIN tenants t ON t.id = s.tenant_id AND t.sessions_epoch = s.epoch
WHERE s.tenant_id = ? AND s.identity_id = ? AND s.active AND s.ends_at > ?
ORDER BY s.id DESC
LIMIT ? OFFSET ?",
        ),
        (true, false) => (
            "-- sessions.count_listed_of_tenant
SELECT COUNT(*)
FROM sessions s
JOIN tenants t ON t.id = s.tenant_id AND t.sessions_epoch = s.epoch
WHERE s.tenant_id = ? AND s.active AND s.ends_at > ?",
            "-- sessions.list_of_tenant
SELECT s.tenant_id, s.id, s.identity_id, s.token_hash, s.active, s.epoch, s.aal, s.methods, s.issued_at, s.expires_at,
       s.ends_at, s.last_seen_at, s.ip_address, s.user_agent
FROM sessions s
JOIN tenants t ON t.id = s.tenant_id AND t.sessions_epoch = s.epoch
WHERE s.tenant_id = ? AND s.active AND s.ends_at > ?
ORDER BY s.id DESC
LIMIT ? OFFSET ?",
        ),
        (false, true) => (
            "-- sessions.count_listed_of_identity_anywhere
SELECT COUNT(*)
FROM sessions s
JOIN tenants t ON t.id = s.tenant_id AND t.sessions_epoch = s.epoch
WHERE s.identity_id = ? AND s.active AND s.ends_at > ?",
            "-- sessions.list_of_identity_anywhere
SELECT s.tenant_id, s.id, s.identity_id, s.token_hash, s.active, s.epoch, s.aal, s.methods, s.issued_at, s.expires_at,
       s.ends_at, s.last_seen_at, s.ip_address, s.user_agent
FROM sessions s
JOIN tenants t ON t.id = s.tenant_id AND t.sessions_epoch = s.epoch
WHERE s.identity_id = ? AND s.active AND s.ends_at > ?
ORDER BY s.id DESC
LIMIT ? OFFSET ?",
        ),
        (false, false) => (
            "-- sessions.count_listed
SELECT COUNT(*)
FROM sessions s
JOIN tenants t ON t.id = s.tenant_id AND t.sessions_epoch = s.epoch
WHERE s.active AND s.ends_at > ?",
            "-- sessions.list
SELECT s.tenant_id, s.id, s.identity_id, s.token_hash, s.active, s.epoch, s.aal, s.methods, s.issued_at, s.expires_at,
       s.ends_at, s.last_seen_at, s.ip_address, s.user_agent
FROM sessions s
JOIN tenants t ON t.id = s.tenant_id AND t.sessions_epoch = s.epoch
WHERE s.active AND s.ends_at > ?
ORDER BY s.id DESC
LIMIT ? OFFSET ?",
        ),
    }
}
