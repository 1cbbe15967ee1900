//! Sessions and the refresh tokens that keep them alive: the changes.

use kayan_ports::{
    Guard, IdentityId, OneTimePurpose, RefreshToken, Scope, Session, SessionChange, SessionId, Spent, TenantId,
    Timestamp, TokenHash,
};

use uuid::Uuid;

use crate::{
    Dialect, DriverError, Value,
    changes::Batch,
    store::{accounts, devices, tenant_or_any, tenants},
};

pub(crate) fn apply(batch: &mut Batch, change: SessionChange) -> Result<(), DriverError> {
    match change {
        SessionChange::Open(session) => open(batch, *session)?,
        SessionChange::IssueRefresh(token) => issue_refresh(batch, *token),
        SessionChange::RotateRefresh { spent, at, salt, client, next } => {
            rotate_refresh(batch, spent, Spent { at, salt, client }, *next);
        }
        SessionChange::Renew { tenant, session, token, expires_at, at } => {
            renew(batch, &tenant, session, (token, expires_at), at);
        }
        SessionChange::StepUp { presented, session } => step_up(batch, presented, &session)?,
        SessionChange::Pin { tenant, session, token } => pin(batch, &tenant, session, token),
        SessionChange::Touch { tenant, session, at } => touch(batch, &tenant, session, at),
        SessionChange::Revoke { tenant, identity, session } => revoke(batch, &tenant, identity, session),
        SessionChange::RevokeOf { scope, identity, except } => revoke_of(batch, &scope, identity, except),
        SessionChange::RevokeAll { scope, epoch } => tenants::revoke_sessions(batch, &scope, epoch),
    }
    Ok(())
}

/// Records the login first: that is the guard, and on a database with row locks a change of the identity's state waits until
/// the session can be revoked.
fn open(batch: &mut Batch, session: Session) -> Result<(), DriverError> {
    let sql = "-- sessions.note_login
UPDATE identities
SET last_login_at = ?
WHERE id = ? AND tenant_id = ? AND state = 'active'";
    let (tenant, network) = (Value::text(session.tenant.as_str()), session.client.network());
    let params = vec![session.issued_at.into(), session.identity.0.into(), tenant.clone()];
    batch.guarded(sql, params, Guard::Identity);
    let sql = "-- sessions.open
INSERT INTO sessions
  (id, tenant_id, identity_id, token_hash, active, aal, methods, issued_at, expires_at, ends_at, last_seen_at,
   ip_address, user_agent, epoch)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let params = vec![
        session.id.0.into(),
        tenant.clone(),
        session.identity.0.into(),
        session.token.0.into(),
        session.active.into(),
        session.aal.as_str().into(),
        Value::json(&session.methods)?,
        session.issued_at.into(),
        session.expires_at.into(),
        session.ends_at.into(),
        session.last_seen_at.into(),
        session.client.ip.into(),
        session.client.user_agent.into(),
        session.epoch.into(),
    ];
    batch.free(sql, params);
    if let Some(network) = network {
        note_network(batch, vec![session.identity.0.into(), network.into(), tenant, session.issued_at.into()]);
    }
    Ok(())
}

fn note_network(batch: &mut Batch, params: Vec<Value>) {
    let sql = match batch.dialect {
        Dialect::MySql => {
            "-- sessions.note_network
INSERT INTO known_networks (identity_id, network, tenant_id, last_login_at)
VALUES (?, ?, ?, ?)
ON DUPLICATE KEY UPDATE last_login_at = VALUES(last_login_at)"
        }
        Dialect::Sqlite | Dialect::Postgres => {
            "-- sessions.note_network
INSERT INTO known_networks (identity_id, network, tenant_id, last_login_at)
VALUES (?, ?, ?, ?)
ON CONFLICT (identity_id, network) DO UPDATE SET last_login_at = excluded.last_login_at"
        }
    };
    batch.free(sql, params);
}

/// Takes the tenant from the session, so that no token reaches across tenants.
fn issue_refresh(batch: &mut Batch, token: RefreshToken) {
    let sql = "-- sessions.issue_refresh
INSERT INTO refresh_tokens
  (hash, issued_at, expires_at, spent_at, spent_salt, spent_ip_address, spent_user_agent, tenant_id, session_id)
SELECT ?, ?, ?, ?, ?, ?, ?, s.tenant_id, s.id
FROM sessions s
WHERE s.id = ? AND s.tenant_id = ?";
    let (spent_at, salt, client) = match token.spent {
        Some(Spent { at, salt, client }) => (Some(at), Some(salt), client),
        None => (None, None, kayan_ports::Client::default()),
    };
    let params = vec![
        token.hash.0.into(),
        token.issued_at.into(),
        token.expires_at.into(),
        spent_at.into(),
        salt.into(),
        client.ip.into(),
        client.user_agent.into(),
        token.session.0.into(),
        Value::text(token.tenant.as_str()),
    ];
    batch.guarded(sql, params, Guard::Session);
}

fn rotate_refresh(batch: &mut Batch, hash: TokenHash, spent: Spent, next: RefreshToken) {
    let sql = "-- sessions.rotate_refresh
UPDATE refresh_tokens
SET spent_at = ?, spent_salt = ?, spent_ip_address = ?, spent_user_agent = ?
WHERE hash = ? AND tenant_id = ? AND spent_at IS NULL";
    let params = vec![
        spent.at.into(),
        spent.salt.into(),
        spent.client.ip.into(),
        spent.client.user_agent.into(),
        hash.0.into(),
        Value::text(next.tenant.as_str()),
    ];
    batch.guarded(sql, params, Guard::RefreshToken);
    issue_refresh(batch, next);
}

fn renew(
    batch: &mut Batch,
    tenant: &TenantId,
    session: SessionId,
    (token, expires_at): (TokenHash, Timestamp),
    at: Timestamp,
) {
    let sql = "-- sessions.renew
UPDATE sessions
SET token_hash = ?, expires_at = ?, last_seen_at = ?
WHERE id = ? AND tenant_id = ? AND active
  AND epoch = (SELECT t.sessions_epoch FROM tenants t WHERE t.id = sessions.tenant_id)";
    let params = vec![token.0.into(), expires_at.into(), at.into(), session.0.into(), Value::text(tenant.as_str())];
    batch.guarded(sql, params, Guard::Session);
}

fn step_up(batch: &mut Batch, presented: TokenHash, session: &Session) -> Result<(), DriverError> {
    let sql = "-- sessions.step_up
UPDATE sessions
SET token_hash = ?, aal = ?, methods = ?, expires_at = ?, last_seen_at = ?
WHERE id = ? AND tenant_id = ? AND token_hash = ? AND active
  AND epoch = (SELECT t.sessions_epoch FROM tenants t WHERE t.id = sessions.tenant_id)";
    let params = vec![
        session.token.0.into(),
        session.aal.as_str().into(),
        Value::json(&session.methods)?,
        session.expires_at.into(),
        session.last_seen_at.into(),
        session.id.0.into(),
        Value::text(session.tenant.as_str()),
        presented.0.into(),
    ];
    batch.guarded(sql, params, Guard::Session);
    // Spent ones as well: a retry of their rotation would get tokens that are void.
    let sql = "-- sessions.void_refresh
DELETE FROM refresh_tokens
WHERE session_id = ? AND tenant_id = ?";
    batch.free(sql, vec![session.id.0.into(), Value::text(session.tenant.as_str())]);
    Ok(())
}

fn pin(batch: &mut Batch, tenant: &TenantId, session: SessionId, token: TokenHash) {
    let sql = "-- sessions.pin
UPDATE sessions
SET last_seen_at = last_seen_at
WHERE id = ? AND tenant_id = ? AND token_hash = ? AND active
  AND epoch = (SELECT t.sessions_epoch FROM tenants t WHERE t.id = sessions.tenant_id)";
    batch.guarded(sql, vec![session.0.into(), Value::text(tenant.as_str()), token.0.into()], Guard::Session);
}

/// Moves forward only: parallel requests may arrive out of order.
fn touch(batch: &mut Batch, tenant: &TenantId, session: SessionId, at: Timestamp) {
    let sql = "-- sessions.see
UPDATE sessions
SET last_seen_at = ?
WHERE id = ? AND tenant_id = ? AND last_seen_at < ?";
    batch.free(sql, vec![at.into(), session.0.into(), Value::text(tenant.as_str()), at.into()]);
}

fn revoke(batch: &mut Batch, tenant: &TenantId, identity: IdentityId, session: SessionId) {
    let sql = "-- sessions.revoke
UPDATE sessions
SET active = false
WHERE id = ? AND tenant_id = ? AND identity_id = ? AND active
  AND epoch = (SELECT t.sessions_epoch FROM tenants t WHERE t.id = sessions.tenant_id)";
    let params = vec![session.0.into(), Value::text(tenant.as_str()), identity.0.into()];
    batch.guarded(sql, params, Guard::Session);
}

/// Locks the identity first: of two that revoke the same sessions, or one that revokes and one that deletes, the second
/// waits here and not with half of the sessions locked.
fn revoke_of(batch: &mut Batch, scope: &Scope, identity: IdentityId, except: Option<SessionId>) {
    accounts::lock(batch, scope, identity);
    let sql = "-- sessions.revoke_identity
UPDATE sessions
SET active = false
WHERE identity_id = ? AND tenant_id = COALESCE(?, tenant_id) AND id <> ? AND active";
    // No session has this id.
    let except = except.map_or(Uuid::nil(), |session| session.0);
    batch.free(sql, vec![identity.0.into(), tenant_or_any(scope), except.into()]);
    let sql = "-- one_time_tokens.void
DELETE FROM one_time_tokens
WHERE identity_id = ? AND tenant_id = COALESCE(?, tenant_id) AND purpose <> ?";
    let kept = OneTimePurpose::EmailRevert.as_str();
    batch.free(sql, vec![identity.0.into(), tenant_or_any(scope), kept.into()]);
    devices::distrust(batch, scope, identity);
}
