//! Lists of sessions for administrators. A session's id is made when it is opened, and ids sort by that time.

use kayan_ports::{IdentityId, Page, Scope, Session, SessionId, SessionQuery, TenantId, Timestamp};

use super::{decode, session};
use crate::{Driver, DriverError, Query, Reading, Row, Value, damaged, store::tenant_or_any};

/// A count or a list of active sessions.
macro_rules! statement {
    ($signature:literal, count $($which:ident)+) => {
        concat!($signature, "\nSELECT ", "COUNT(*)", statement!(from), $(statement!($which)),+)
    };
    ($signature:literal, list $($which:ident)+) => {
        concat!(
            $signature,
            "\nSELECT ",
            "s.tenant_id, ",
            session!(),
            statement!(from),
            $(statement!($which),)+
            "
ORDER BY s.id DESC
LIMIT ? OFFSET ?"
        )
    };
    (from) => {
        "
FROM sessions s
JOIN tenants t ON t.id = s.tenant_id AND t.sessions_epoch = s.epoch
WHERE s.active"
    };
    (identity) => {
        " AND s.identity_id = ? AND s.tenant_id = COALESCE(?, s.tenant_id)"
    };
    (tenant) => {
        " AND s.tenant_id = ?"
    };
    (all) => {
        ""
    };
    (unended) => {
        " AND s.ends_at > ?"
    };
}

/// The index to use. An identity has few sessions, so the tenant is optional there. Without an identity,
/// `tenant_id = COALESCE(?, tenant_id)` would make every database read the sessions of all tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Identity,
    Tenant,
    All,
}

fn narrow(scope: &Scope, identity: Option<IdentityId>) -> (Whose, Vec<Value>) {
    match (identity, scope) {
        (Some(identity), _) => (Whose::Identity, vec![identity.0.into(), tenant_or_any(scope)]),
        (None, Scope::Tenant(tenant)) => (Whose::Tenant, vec![Value::text(tenant.as_str())]),
        (None, Scope::System) => (Whose::All, Vec::new()),
    }
}

/// Reads `tenant_id` and then what [`decode`] does.
fn decode_with_tenant(mut row: Row) -> Result<Session, DriverError> {
    let tenant: TenantId = row.word(|name| name.parse().ok())?;
    decode(&mut row, &tenant)
}

pub(super) async fn by_id(driver: &impl Driver, scope: &Scope, id: SessionId) -> Result<Option<Session>, DriverError> {
    let sql = concat!(
        "-- sessions.by_id
SELECT s.tenant_id, ",
        session!(),
        "
FROM sessions s
JOIN tenants t ON t.id = s.tenant_id
WHERE s.id = ? AND s.tenant_id = COALESCE(?, s.tenant_id)"
    );
    let params = vec![id.0.into(), tenant_or_any(scope)];
    let rows = driver.read(Query { sql, params, reading: Reading::Point }).await?;
    rows.into_iter().next().map(decode_with_tenant).transpose()
}

pub(super) async fn count_active(
    driver: &impl Driver,
    scope: &Scope,
    identity: Option<IdentityId>,
) -> Result<u64, DriverError> {
    let (whose, params) = narrow(scope, identity);
    let sql = match whose {
        Whose::Identity => statement!("-- sessions.count_of_identity", count identity),
        Whose::Tenant => statement!("-- sessions.count_of_tenant", count tenant),
        Whose::All => statement!("-- sessions.count_active", count all),
    };
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
    let (whose, mut params) = narrow(&query.scope, query.identity);
    let (counting, listing) = statements(whose);
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

/// The count and the list of sessions that have not ended.
fn statements(whose: Whose) -> (&'static str, &'static str) {
    match whose {
        Whose::Identity => (
            statement!("-- sessions.count_listed_of_identity", count identity unended),
            statement!("-- sessions.list_of_identity", list identity unended),
        ),
        Whose::Tenant => (
            statement!("-- sessions.count_listed_of_tenant", count tenant unended),
            statement!("-- sessions.list_of_tenant", list tenant unended),
        ),
        Whose::All => (
            statement!("-- sessions.count_listed", count all unended),
            statement!("-- sessions.list", list all unended),
        ),
    }
}
