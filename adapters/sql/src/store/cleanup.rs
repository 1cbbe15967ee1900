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
SELECT 1 FROM (SELECT last_seen_at FROM devices WHERE last_seen_at < ? LIMIT 1) unused
UNION ALL
SELECT 1 FROM (SELECT id FROM revoked_tokens WHERE expires_at < ? LIMIT 1) dead_anyhow
UNION ALL
SELECT 1 FROM (SELECT created_at FROM kept_answers WHERE created_at < ? LIMIT 1) kept_enough
UNION ALL
SELECT 1 FROM (SELECT expires_at FROM one_time_tokens WHERE expires_at < ? LIMIT 1) expired
UNION ALL
SELECT 1 FROM (SELECT finished_at FROM messages WHERE finished_at < ? LIMIT 1) finished";
        let Expired { sessions, attempts, networks, devices, revocations, responses, one_time, messages } = *expired;
        let params = [sessions, attempts, networks, devices, revocations, responses, one_time, messages];
        let params = params.map(Value::from).into();
        Ok(!self.driver.read(Query { sql, params, reading: Reading::Scan }).await?.is_empty())
    }
}

pub(crate) fn remove(batch: &mut Batch, expired: &Expired) {
    let statements = match batch.dialect {
        Dialect::Sqlite => SELECTED,
        Dialect::Postgres => UNLOCKED,
        Dialect::MySql => OLDEST,
    };
    let Expired { sessions, networks, devices, responses, one_time, messages, attempts, revocations } = *expired;
    let before = [sessions, networks, devices, responses, one_time, messages, attempts, revocations];
    for (sql, before) in statements.into_iter().zip(before) {
        batch.free(sql, vec![before.into()]);
    }
}

/// SQLite is built without `DELETE … LIMIT`.
const SELECTED: [&str; 8] = [
    "-- outdated.sessions
DELETE FROM sessions
WHERE id IN (SELECT id FROM sessions WHERE ends_at < ? LIMIT 1000)",
    "-- outdated.networks
DELETE FROM known_networks
WHERE (identity_id, network) IN
  (SELECT identity_id, network FROM known_networks WHERE last_login_at < ? LIMIT 1000)",
    "-- outdated.devices
DELETE FROM devices
WHERE (identity_id, token_hash) IN
  (SELECT identity_id, token_hash FROM devices WHERE last_seen_at < ? LIMIT 1000)",
    "-- expired.responses
DELETE FROM kept_answers
WHERE (tenant_id, operator, idempotency_key) IN
  (SELECT tenant_id, operator, idempotency_key FROM kept_answers WHERE created_at < ? LIMIT 1000)",
    "-- outdated.one_time_tokens
DELETE FROM one_time_tokens
WHERE hash IN (SELECT hash FROM one_time_tokens WHERE expires_at < ? LIMIT 1000)",
    "-- outdated.messages
DELETE FROM messages
WHERE id IN (SELECT id FROM messages WHERE finished_at < ? LIMIT 1000)",
    ATTEMPTS,
    REVOCATIONS,
];

const ATTEMPTS: &str = "-- outdated.attempts
DELETE FROM attempts
WHERE (tenant_id, identifier_hash, network) IN
  (SELECT tenant_id, identifier_hash, network FROM attempts WHERE last_at < ? LIMIT 1000)";

const REVOCATIONS: &str = "-- outdated.revocations
DELETE FROM revoked_tokens
WHERE (id, tenant_id) IN (SELECT id, tenant_id FROM revoked_tokens WHERE expires_at < ? LIMIT 1000)";

/// PostgreSQL has no `DELETE … LIMIT`. Rows that belong to identities are locked in no order here, so locked ones are skipped:
/// this waits for no other transaction.
const UNLOCKED: [&str; 8] = [
    "-- outdated.unlocked_sessions
DELETE FROM sessions
WHERE id IN (SELECT id FROM sessions WHERE ends_at < ? LIMIT 1000 FOR UPDATE SKIP LOCKED)",
    "-- outdated.unlocked_networks
DELETE FROM known_networks
WHERE (identity_id, network) IN
  (SELECT identity_id, network FROM known_networks WHERE last_login_at < ? LIMIT 1000 FOR UPDATE SKIP LOCKED)",
    "-- outdated.unlocked_devices
DELETE FROM devices
WHERE (identity_id, token_hash) IN
  (SELECT identity_id, token_hash FROM devices WHERE last_seen_at < ? LIMIT 1000 FOR UPDATE SKIP LOCKED)",
    "-- outdated.unlocked_answers
DELETE FROM kept_answers
WHERE (tenant_id, operator, idempotency_key) IN
  (SELECT tenant_id, operator, idempotency_key
   FROM kept_answers WHERE created_at < ? LIMIT 1000 FOR UPDATE SKIP LOCKED)",
    "-- outdated.unlocked_one_time_tokens
DELETE FROM one_time_tokens
WHERE hash IN (SELECT hash FROM one_time_tokens WHERE expires_at < ? LIMIT 1000 FOR UPDATE SKIP LOCKED)",
    "-- outdated.unlocked_messages
DELETE FROM messages
WHERE id IN (SELECT id FROM messages WHERE finished_at < ? LIMIT 1000 FOR UPDATE SKIP LOCKED)",
    ATTEMPTS,
    REVOCATIONS,
];

/// With a subquery, MariaDB reads the whole table. This may wait for locked rows: deadlocks are found at once, and the batch
/// is tried again.
const OLDEST: [&str; 8] = [
    "-- outdated.oldest_sessions
DELETE FROM sessions
WHERE ends_at < ?
ORDER BY ends_at
LIMIT 1000",
    "-- outdated.oldest_networks
DELETE FROM known_networks
WHERE last_login_at < ?
ORDER BY last_login_at
LIMIT 1000",
    "-- outdated.oldest_devices
DELETE FROM devices
WHERE last_seen_at < ?
ORDER BY last_seen_at
LIMIT 1000",
    "-- outdated.oldest_answers
DELETE FROM kept_answers
WHERE created_at < ?
ORDER BY created_at
LIMIT 1000",
    "-- outdated.oldest_one_time_tokens
DELETE FROM one_time_tokens
WHERE expires_at < ?
ORDER BY expires_at
LIMIT 1000",
    "-- outdated.oldest_messages
DELETE FROM messages
WHERE finished_at < ?
ORDER BY finished_at
LIMIT 1000",
    "-- outdated.oldest_attempts
DELETE FROM attempts
WHERE last_at < ?
ORDER BY last_at
LIMIT 1000",
    "-- outdated.oldest_revocations
DELETE FROM revoked_tokens
WHERE expires_at < ?
ORDER BY expires_at
LIMIT 1000",
];
