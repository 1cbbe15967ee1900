//! Removes what has expired, few rows at a time, so that requests do not wait for it.

use async_trait::async_trait;
use kayan_ports::{Cleanup, Expired, Failure};

use crate::{Dialect, Driver, Query, Reading, SqlStore, Value, changes::Batch};

#[async_trait]
impl<D: Driver> Cleanup for SqlStore<D> {
    async fn has_expired(&self, expired: &Expired) -> Result<bool, Failure> {
        let sql = "-- outdated.look
SELECT 1 FROM (SELECT id FROM sessions WHERE ends_at < ? LIMIT 1) ended
UNION ALL
SELECT 1 FROM (SELECT last_at FROM attempts WHERE last_at < ? LIMIT 1) forgotten
UNION ALL
SELECT 1 FROM (SELECT last_login_at FROM known_networks WHERE last_login_at < ? LIMIT 1) left_behind
UNION ALL
SELECT 1 FROM (SELECT id FROM revoked_tokens WHERE expires_at < ? LIMIT 1) dead_anyhow
UNION ALL
SELECT 1 FROM (SELECT created_at FROM kept_answers WHERE created_at < ? LIMIT 1) kept_enough";
        let Expired { sessions, attempts, networks, revocations, responses } = *expired;
        let params = [sessions, attempts, networks, revocations, responses].map(Value::from).into();
        Ok(!self.driver.read(Query { sql, params, reading: Reading::Scan }).await?.is_empty())
    }
}

/// The innermost selection stands alone because MySQL limits no other one.
pub(crate) fn remove(batch: &mut Batch, expired: &Expired) {
    let identities_own = match batch.dialect {
        Dialect::Postgres => OF_IDENTITIES_UNLOCKED,
        Dialect::Sqlite | Dialect::MySql => OF_IDENTITIES,
    };
    let before = [expired.sessions, expired.networks, expired.responses];
    for (sql, before) in identities_own.into_iter().zip(before) {
        batch.free(sql, vec![before.into()]);
    }
    let sql = "-- outdated.attempts
DELETE FROM attempts
WHERE (tenant_id, identifier_hash, network) IN
  (SELECT tenant_id, identifier_hash, network
   FROM (SELECT tenant_id, identifier_hash, network FROM attempts WHERE last_at < ? LIMIT 1000) forgotten)";
    batch.free(sql, vec![expired.attempts.into()]);
    let sql = "-- outdated.revocations
DELETE FROM revoked_tokens
WHERE (id, tenant_id) IN
  (SELECT id, tenant_id
   FROM (SELECT id, tenant_id FROM revoked_tokens WHERE expires_at < ? LIMIT 1000) dead_anyhow)";
    batch.free(sql, vec![expired.revocations.into()]);
}

/// What belongs to identities.
const OF_IDENTITIES: [&str; 3] = [
    "-- outdated.sessions
DELETE FROM sessions
WHERE id IN (SELECT id FROM (SELECT id FROM sessions WHERE ends_at < ? LIMIT 1000) ended)",
    "-- outdated.networks
DELETE FROM known_networks
WHERE (identity_id, network) IN
  (SELECT identity_id, network
   FROM (SELECT identity_id, network FROM known_networks WHERE last_login_at < ? LIMIT 1000) left_behind)",
    "-- expired.responses
DELETE FROM kept_answers
WHERE (tenant_id, operator, idempotency_key) IN
  (SELECT tenant_id, operator, idempotency_key
   FROM (SELECT tenant_id, operator, idempotency_key FROM kept_answers WHERE created_at < ? LIMIT 1000) kept_enough)",
];

/// The same, without rows that are locked: these rows are locked in no order, so this waits for no other transaction. Where deadlocks
/// are found at once and tried again, as by MySQL and MariaDB, it may wait.
const OF_IDENTITIES_UNLOCKED: [&str; 3] = [
    "-- outdated.unlocked_sessions
DELETE FROM sessions
WHERE id IN (SELECT id FROM sessions WHERE ends_at < ? LIMIT 1000 FOR UPDATE SKIP LOCKED)",
    "-- outdated.unlocked_networks
DELETE FROM known_networks
WHERE (identity_id, network) IN
  (SELECT identity_id, network FROM known_networks WHERE last_login_at < ? LIMIT 1000 FOR UPDATE SKIP LOCKED)",
    "-- outdated.unlocked_answers
DELETE FROM kept_answers
WHERE (tenant_id, operator, idempotency_key) IN
  (SELECT tenant_id, operator, idempotency_key
   FROM kept_answers WHERE created_at < ? LIMIT 1000 FOR UPDATE SKIP LOCKED)",
];
