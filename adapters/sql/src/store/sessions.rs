//! Sessions and the refresh tokens that keep them alive: the reads.
//!
//! A session is active when its row says so and it is of its tenant's present epoch: a new epoch ends all of them.

mod lists;
mod writes;

use std::sync::Arc;

use async_trait::async_trait;
use kayan_ports::{
    Aal, AccessTokens, AuthenticatedSession, Client, Failure, IdentityId, Lookup, Page, RefreshToken, Refreshing,
    Scope, Session, SessionId, SessionQuery, Sessions, Spent, TenantId, Timestamp, TokenHash,
};

use super::{
    accounts::{self, identity},
    tenants,
};
use crate::{Driver, DriverError, Query, Reading, Row, SqlStore, Value};

pub(crate) use writes::apply;

columns!(
    pub session = "s.id, s.identity_id, s.token_hash, s.active AND s.epoch = t.sessions_epoch, s.epoch, s.aal, s.methods,
       s.issued_at, s.expires_at, s.ends_at, s.last_seen_at, s.ip_address, s.user_agent"
);

/// Reads `session!()`; the tenant is the one that was asked for.
fn decode(row: &mut Row, tenant: &TenantId) -> Result<Session, DriverError> {
    Ok(Session {
        id: SessionId(row.uuid()?),
        tenant: tenant.clone(),
        identity: IdentityId(row.uuid()?),
        token: TokenHash(row.hash()?),
        active: row.boolean()?,
        epoch: row.int()?,
        aal: row.word(Aal::from_name)?,
        methods: row.json()?,
        issued_at: row.time()?,
        expires_at: row.time()?,
        ends_at: row.time()?,
        last_seen_at: row.time()?,
        client: decode_client(row)?,
    })
}

fn decode_client(row: &mut Row) -> Result<Client, DriverError> {
    Ok(Client { ip: row.maybe_text()?, user_agent: row.maybe_text()? })
}

/// Reads `session_id, issued_at, expires_at, spent_at` and, when it is spent, `spent_salt, spent_ip_address,
/// spent_user_agent`: the last columns of the statement.
fn decode_token(row: &mut Row, hash: TokenHash, tenant: &TenantId) -> Result<RefreshToken, DriverError> {
    let session = SessionId(row.uuid()?);
    let (issued_at, expires_at) = (row.time()?, row.time()?);
    let spent = match row.maybe_time()? {
        Some(at) => Some(Spent { at, salt: row.hash()?, client: decode_client(row)? }),
        None => None,
    };
    Ok(RefreshToken { hash, tenant: tenant.clone(), session, issued_at, expires_at, spent })
}

#[async_trait]
impl<D: Driver> AccessTokens for SqlStore<D> {
    /// Runs on every authenticated request: three look-ups by unique index.
    async fn authenticated_session(
        &self,
        tenant: &TenantId,
        token: &TokenHash,
    ) -> Result<Lookup<Arc<AuthenticatedSession>>, Failure> {
        let sql = concat!(
            "-- sessions.presented
SELECT t.settings, ",
            session!(),
            ", ",
            identity!(),
            "
FROM tenants t
LEFT JOIN sessions s ON s.token_hash = ? AND s.tenant_id = t.id
LEFT JOIN identities i ON i.id = s.identity_id AND i.tenant_id = t.id
WHERE t.id = ? AND t.active"
        );
        let params = vec![token.0.into(), Value::text(tenant.as_str())];
        let rows = self.driver.read(Query { sql, params, reading: Reading::Point }).await?;
        let Some(mut row) = rows.into_iter().next() else { return Ok(Lookup::NoTenant) };
        let settings = tenants::decode_settings(&mut row)?;
        if row.at_null() {
            return Ok(Lookup::Absent);
        }
        let session = decode(&mut row, tenant)?;
        let identity = accounts::decode(&mut row)?;
        Ok(Lookup::Found(Arc::new(AuthenticatedSession { session, identity, settings })))
    }
}

#[async_trait]
impl<D: Driver> Sessions for SqlStore<D> {
    async fn refreshing(&self, tenant: &TenantId, token: &TokenHash) -> Result<Lookup<Refreshing>, Failure> {
        let sql = concat!(
            "-- sessions.refreshing
SELECT t.settings, ",
            session!(),
            ", ",
            identity!(),
            ",
       r.session_id, r.issued_at, r.expires_at, r.spent_at, r.spent_salt, r.spent_ip_address, r.spent_user_agent
FROM tenants t
LEFT JOIN refresh_tokens r ON r.hash = ? AND r.tenant_id = t.id
LEFT JOIN sessions s ON s.id = r.session_id AND s.tenant_id = t.id
LEFT JOIN identities i ON i.id = s.identity_id AND i.tenant_id = t.id
WHERE t.id = ? AND t.active"
        );
        let params = vec![token.0.into(), Value::text(tenant.as_str())];
        let rows = self.driver.read(Query { sql, params, reading: Reading::Point }).await?;
        let Some(mut row) = rows.into_iter().next() else { return Ok(Lookup::NoTenant) };
        let settings = tenants::decode_settings(&mut row)?;
        if row.at_null() {
            return Ok(Lookup::Absent);
        }
        let session = decode(&mut row, tenant)?;
        let identity = accounts::decode(&mut row)?;
        let token = decode_token(&mut row, *token, tenant)?;
        Ok(Lookup::Found(Refreshing { settings, token, session, identity }))
    }

    /// An identity's sessions that an access or refresh token can still use at `at`, newest first.
    async fn sessions(&self, tenant: &TenantId, identity: IdentityId, at: Timestamp) -> Result<Vec<Session>, Failure> {
        let sql = concat!(
            "-- sessions.live
SELECT ",
            session!(),
            "
FROM sessions s
JOIN tenants t ON t.id = s.tenant_id AND t.sessions_epoch = s.epoch
WHERE s.identity_id = ? AND s.tenant_id = ? AND s.active AND s.ends_at > ?
  AND (s.expires_at > ? OR EXISTS (
    SELECT 1 FROM refresh_tokens r WHERE r.session_id = s.id AND r.spent_at IS NULL AND r.expires_at > ?))
ORDER BY s.issued_at DESC, s.id DESC"
        );
        let params = vec![identity.0.into(), Value::text(tenant.as_str()), at.into(), at.into(), at.into()];
        let rows = self.driver.read(Query { sql, params, reading: Reading::Scan }).await?;
        Ok(rows.into_iter().map(|mut row| decode(&mut row, tenant)).collect::<Result<_, DriverError>>()?)
    }

    async fn active_sessions(&self, query: &SessionQuery) -> Result<Page<Session>, Failure> {
        Ok(lists::page(self.lagging(), query).await?)
    }

    async fn count_active_sessions(&self, scope: &Scope, identity: Option<IdentityId>) -> Result<u64, Failure> {
        Ok(lists::count_active(&self.driver, scope, identity).await?)
    }

    async fn active_sessions_by_tenant(&self, at: Timestamp) -> Result<Vec<(TenantId, u64)>, Failure> {
        Ok(lists::count_by_tenant(self.lagging(), at).await?)
    }

    async fn session(&self, scope: &Scope, id: SessionId) -> Result<Option<Session>, Failure> {
        Ok(lists::by_id(&self.driver, scope, id).await?)
    }
}
