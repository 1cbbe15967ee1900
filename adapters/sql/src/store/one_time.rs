//! One-time tokens: kept as hashes, used up by one guarded statement.

use async_trait::async_trait;
use kayan_ports::{
    Failure, Guard, IdentityId, OneTimeChange, OneTimePurpose, OneTimeToken, OneTimeTokens, TenantId, Timestamp,
    TokenHash,
};

use crate::{Driver, DriverError, Query, Reading, Row, SqlStore, Value, changes::Batch};

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
        OneTimeChange::Issue(token) => issue(batch, *token),
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
    }
}

fn which(tenant: &TenantId, purpose: OneTimePurpose, hash: TokenHash, at: Timestamp) -> Vec<Value> {
    vec![hash.0.into(), Value::text(tenant.as_str()), purpose.as_str().into(), at.into()]
}

/// Takes the tenant from the identity, so that no token reaches across tenants; without one, from the tenant.
fn issue(batch: &mut Batch, token: OneTimeToken) {
    let mut params = vec![
        token.hash.0.into(),
        token.purpose.as_str().into(),
        token.data.into(),
        i64::from(token.tries).into(),
        token.created_at.into(),
        token.expires_at.into(),
        Value::text(token.tenant.as_str()),
    ];
    let Some(identity) = token.identity else {
        let sql = "-- one_time_tokens.issue_to_any
INSERT INTO one_time_tokens (hash, purpose, data, tries, created_at, expires_at, tenant_id)
SELECT ?, ?, ?, ?, ?, ?, t.id
FROM tenants t
WHERE t.id = ? AND t.active";
        batch.guarded(sql, params, Guard::Tenant);
        return;
    };
    params.push(identity.0.into());
    let sql = "-- one_time_tokens.issue
INSERT INTO one_time_tokens (hash, purpose, data, tries, created_at, expires_at, tenant_id, identity_id)
SELECT ?, ?, ?, ?, ?, ?, i.tenant_id, i.id
FROM identities i
WHERE i.tenant_id = ? AND i.id = ? AND i.state = 'active'";
    batch.guarded(sql, params, Guard::Identity);
}
