//! One-time tokens: kept as hashes, used up by one guarded statement.

use async_trait::async_trait;
use kayan_ports::{
    Failure, Guard, IdentityId, OneTimeChange, OneTimePurpose, OneTimeToken, OneTimeTokens, Scope, TenantId, Timestamp,
    TokenHash,
};

use crate::{Dialect, Driver, DriverError, Query, Reading, Row, SqlStore, Value, changes::Batch, store::accounts};

/// Reads `hash, tenant_id, purpose, identity_id, data, tries, created_at, expires_at`.
fn decode(row: &mut Row) -> Result<OneTimeToken, DriverError> {
    Ok(OneTimeToken {
        hash: TokenHash(row.hash()?),
        tenant: row.word(|name| name.parse().ok())?,
        purpose: row.word(OneTimePurpose::from_name)?,
        identity: row.maybe_uuid()?.map(IdentityId),
        data: row.text()?,
        tries: u32::try_from(row.int()?).unwrap_or(0),
        created_at: row.time()?,
        expires_at: row.time()?,
    })
}

#[async_trait]
impl<D: Driver> OneTimeTokens for SqlStore<D> {
    async fn one_time(
        &self,
        tenant: &TenantId,
        purpose: OneTimePurpose,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, Failure> {
        let sql = "-- one_time_tokens.read
SELECT hash, tenant_id, purpose, identity_id, data, tries, created_at, expires_at
FROM one_time_tokens
WHERE hash = ? AND tenant_id = ? AND purpose = ? AND expires_at > ?";
        let params = vec![hash.0.into(), Value::text(tenant.as_str()), purpose.as_str().into(), now.into()];
        let rows = self.driver.read(Query { sql, params, reading: Reading::Point }).await?;
        Ok(rows.into_iter().next().map(|mut row| decode(&mut row)).transpose()?)
    }
}

pub(crate) fn apply(batch: &mut Batch, change: OneTimeChange) {
    match change {
        OneTimeChange::Issue(token) => issue(batch, &token),
        OneTimeChange::Replace(token) => replace(batch, &token),
        OneTimeChange::Try { tenant, purpose, hash, at } => {
            let sql = "-- one_time_tokens.try
UPDATE one_time_tokens
SET tries = tries - 1
WHERE hash = ? AND tenant_id = ? AND purpose = ? AND expires_at > ? AND tries > 0";
            batch.guarded(sql, which(&tenant, purpose, hash, at), Guard::OneTime);
        }
        OneTimeChange::Use { tenant, purpose, hash, at } => {
            let sql = "-- one_time_tokens.use
DELETE FROM one_time_tokens
WHERE hash = ? AND tenant_id = ? AND purpose = ? AND expires_at > ?";
            batch.guarded(sql, which(&tenant, purpose, hash, at), Guard::OneTime);
        }
        OneTimeChange::Void { tenant, identity, purpose, since } => {
            accounts::lock(batch, &Scope::Tenant(tenant.clone()), identity);
            let sql = "-- one_time_tokens.void_purpose
DELETE FROM one_time_tokens
WHERE identity_id = ? AND tenant_id = ? AND purpose = ? AND created_at >= ?";
            let (identity, tenant) = (identity.0.into(), Value::text(tenant.as_str()));
            batch.free(sql, vec![identity, tenant, purpose.as_str().into(), since.into()]);
        }
    }
}

fn which(tenant: &TenantId, purpose: OneTimePurpose, hash: TokenHash, at: Timestamp) -> Vec<Value> {
    vec![hash.0.into(), Value::text(tenant.as_str()), purpose.as_str().into(), at.into()]
}

/// Takes the tenant from the identity, so that no token reaches across tenants; without one, from the tenant.
macro_rules! insertion {
    ($signature:literal, of_identity $($unless:literal)?) => {
        concat!(
            $signature,
            "
INSERT ",
            "INTO one_time_tokens (hash, purpose, data, tries, created_at, expires_at, tenant_id, identity_id)
SELECT ?, ?, ?, ?, ?, ?, i.tenant_id, i.id
FROM identities i
WHERE i.tenant_id = ? AND i.id = ? AND i.state = 'active'"
            $(, "\n", $unless)?
        )
    };
    ($signature:literal, of_tenant $($unless:literal)?) => {
        concat!(
            $signature,
            "
INSERT ",
            "INTO one_time_tokens (hash, purpose, data, tries, created_at, expires_at, tenant_id)
SELECT ?, ?, ?, ?, ?, ?, t.id
FROM tenants t
WHERE t.id = ? AND t.active"
            $(, "\n", $unless)?
        )
    };
}

/// What [`insertion`] takes.
fn inserted(token: &OneTimeToken) -> Vec<Value> {
    let mut params = vec![
        token.hash.0.into(),
        token.purpose.as_str().into(),
        Value::text(&token.data),
        i64::from(token.tries).into(),
        token.created_at.into(),
        token.expires_at.into(),
        Value::text(token.tenant.as_str()),
    ];
    params.extend(token.identity.map(|identity| Value::from(identity.0)));
    params
}

fn issue(batch: &mut Batch, token: &OneTimeToken) {
    let (sql, guard) = if token.identity.is_some() {
        (insertion!("-- one_time_tokens.issue", of_identity), Guard::Identity)
    } else {
        (insertion!("-- one_time_tokens.issue_without_identity", of_tenant), Guard::Tenant)
    };
    batch.guarded(sql, inserted(token), guard);
}

/// Makes the row if there is none, and then writes it. Were it deleted and inserted, two of these at once would not find each
/// other's row, and the second would fail.
fn replace(batch: &mut Batch, token: &OneTimeToken) {
    let (of_identity, of_tenant) = match batch.dialect {
        Dialect::MySql => (
            insertion!("-- one_time_tokens.begin", of_identity "ON DUPLICATE KEY UPDATE tries = one_time_tokens.tries"),
            insertion!(
                "-- one_time_tokens.begin_without_identity",
                of_tenant "ON DUPLICATE KEY UPDATE tries = one_time_tokens.tries"
            ),
        ),
        Dialect::Sqlite | Dialect::Postgres => (
            insertion!("-- one_time_tokens.begin", of_identity "ON CONFLICT (hash) DO NOTHING"),
            insertion!("-- one_time_tokens.begin_without_identity", of_tenant "ON CONFLICT (hash) DO NOTHING"),
        ),
    };
    batch.free(if token.identity.is_some() { of_identity } else { of_tenant }, inserted(token));

    let tenant = || Value::text(token.tenant.as_str());
    let mut params = vec![
        token.purpose.as_str().into(),
        token.identity.map(|identity| identity.0).into(),
        Value::text(&token.data),
        i64::from(token.tries).into(),
        token.created_at.into(),
        token.expires_at.into(),
        token.hash.0.into(),
        tenant(),
        tenant(),
    ];
    let (sql, guard) = if let Some(identity) = token.identity {
        params.push(identity.0.into());
        let sql = "-- one_time_tokens.replace
UPDATE one_time_tokens
SET purpose = ?, identity_id = ?, data = ?, tries = ?, created_at = ?, expires_at = ?
WHERE hash = ? AND tenant_id = ?
  AND EXISTS (SELECT 1 FROM identities i WHERE i.tenant_id = ? AND i.id = ? AND i.state = 'active')";
        (sql, Guard::Identity)
    } else {
        let sql = "-- one_time_tokens.replace_without_identity
UPDATE one_time_tokens
SET purpose = ?, identity_id = ?, data = ?, tries = ?, created_at = ?, expires_at = ?
WHERE hash = ? AND tenant_id = ?
  AND EXISTS (SELECT 1 FROM tenants t WHERE t.id = ? AND t.active)";
        (sql, Guard::Tenant)
    };
    batch.guarded(sql, params, guard);
}
