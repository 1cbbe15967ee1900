//! The outbox: one statement leases messages, and every other one that changes a leased message names its lease.

mod lists;

use async_trait::async_trait;
use kayan_ports::{
    Backlog, Channel, Failure, Guard, IdentityId, Message, MessageId, MessageKind, MessageQuery, MessageState, Outbox,
    OutboxChange, Page, Scope, Sealed, TenantId, Timestamp,
};
use uuid::Uuid;

use super::tenant_or_any;
use crate::{Dialect, Driver, DriverError, Query, Reading, Row, SqlStore, Value, changes::Batch};

columns!(
    pub message = "id, tenant_id, identity_id, kind, recipient, languages, data, state, attempts, due_at, error,
       created_at, finished_at"
);

/// Reads `message!()`.
fn decode(mut row: Row) -> Result<Message, DriverError> {
    Ok(Message {
        id: MessageId(row.uuid()?),
        tenant: row.word(|name| name.parse().ok())?,
        identity: row.maybe_uuid()?.map(IdentityId),
        kind: row.word(MessageKind::from_name)?,
        recipient: row.text()?,
        languages: row.text()?,
        data: if row.at_null() { row.maybe_text()?.and(None) } else { Some(Sealed(row.bytes()?)) },
        state: row.word(MessageState::from_name)?,
        attempts: u32::try_from(row.int()?).unwrap_or(u32::MAX),
        due_at: row.time()?,
        error: row.maybe_text()?,
        created_at: row.time()?,
        finished_at: row.maybe_time()?,
    })
}

#[async_trait]
impl<D: Driver> Outbox for SqlStore<D> {
    async fn message(&self, scope: &Scope, id: MessageId) -> Result<Option<Message>, Failure> {
        let sql = concat!(
            "-- messages.read
SELECT ",
            message!(),
            "
FROM messages
WHERE id = ? AND tenant_id = COALESCE(?, tenant_id)"
        );
        let params = vec![id.0.into(), tenant_or_any(scope)];
        let rows = self.driver.read(Query { sql, params, reading: Reading::Point }).await?;
        Ok(rows.into_iter().next().map(decode).transpose()?)
    }

    async fn messages(&self, query: &MessageQuery) -> Result<Page<Message>, Failure> {
        Ok(lists::page(self.lagging(), query).await?)
    }

    async fn leased(&self, lease: Uuid) -> Result<Vec<Message>, Failure> {
        let sql = concat!(
            "-- messages.leased
SELECT ",
            message!(),
            "
FROM messages
WHERE lease = ?
ORDER BY due_at, id"
        );
        let rows = self.driver.read(Query { sql, params: vec![lease.into()], reading: Reading::Scan }).await?;
        Ok(rows.into_iter().map(decode).collect::<Result<_, DriverError>>()?)
    }

    async fn backlog(&self) -> Result<Backlog, Failure> {
        Ok(lists::backlog(&self.driver).await?)
    }
}

pub(crate) fn apply(batch: &mut Batch, change: OutboxChange) {
    match change {
        OutboxChange::Enqueue(message) => enqueue(batch, *message),
        OutboxChange::Lease { lease, channel, most, at, until } => take(batch, lease, (channel, most), (at, until)),
        OutboxChange::Prepare { tenant, message, lease, identity, data } => {
            let sql = "-- messages.prepare
UPDATE messages
SET identity_id = ?, data = ?
WHERE id = ? AND tenant_id = ? AND lease = ?
  AND EXISTS (SELECT 1 FROM identities i WHERE i.id = ? AND i.tenant_id = ?)";
            let of = Value::text(tenant.as_str());
            let after = [identity.0.into(), of];
            let params = [identity.0.into(), data.0.into()].into_iter().chain(under(&tenant, message, lease));
            batch.guarded(sql, params.chain(after).collect(), Guard::Message);
        }
        OutboxChange::Deliver { tenant, message, lease, at } => {
            let sql = "-- messages.deliver
UPDATE messages
SET state = 'delivered', lease = NULL, data = NULL, finished_at = ?
WHERE id = ? AND tenant_id = ? AND lease = ?";
            let params = [at.into()].into_iter().chain(under(&tenant, message, lease));
            batch.guarded(sql, params.collect(), Guard::Message);
        }
        OutboxChange::Postpone { tenant, message, lease, due_at, error } => {
            let sql = "-- messages.postpone
UPDATE messages
SET state = 'due', lease = NULL, due_at = ?, error = ?
WHERE id = ? AND tenant_id = ? AND lease = ?";
            let params = [due_at.into(), error.into()].into_iter().chain(under(&tenant, message, lease));
            batch.guarded(sql, params.collect(), Guard::Message);
        }
        OutboxChange::GiveUp { tenant, message, lease, at, error } => {
            let sql = "-- messages.give_up
UPDATE messages
SET state = 'dead', lease = NULL, finished_at = ?, error = ?
WHERE id = ? AND tenant_id = ? AND lease = ?";
            let params = [at.into(), error.into()].into_iter().chain(under(&tenant, message, lease));
            batch.guarded(sql, params.collect(), Guard::Message);
        }
        OutboxChange::Retry { scope, message, at } => {
            let sql = "-- messages.retry
UPDATE messages
SET state = 'due', attempts = 0, due_at = ?, finished_at = NULL
WHERE id = ? AND tenant_id = COALESCE(?, tenant_id) AND state IN ('due', 'dead')";
            batch.guarded(sql, vec![at.into(), message.0.into(), tenant_or_any(&scope)], Guard::Message);
        }
        OutboxChange::Discard { scope, message } => {
            let sql = "-- messages.discard
DELETE FROM messages
WHERE id = ? AND tenant_id = COALESCE(?, tenant_id) AND state <> 'leased'";
            batch.guarded(sql, vec![message.0.into(), tenant_or_any(&scope)], Guard::Message);
        }
        OutboxChange::Drop { tenant, message, lease } => {
            let sql = "-- messages.drop
DELETE FROM messages
WHERE id = ? AND tenant_id = ? AND lease = ?";
            batch.guarded(sql, under(&tenant, message, lease).into(), Guard::Message);
        }
    }
}

/// `id, tenant_id, lease`. A lease that another worker has taken over is another one, and a message without one has none.
fn under(tenant: &TenantId, message: MessageId, lease: Uuid) -> [Value; 3] {
    [message.0.into(), Value::text(tenant.as_str()), lease.into()]
}

/// Takes the tenant from the row that says whether it is active, and the user from its tenant, so that no message reaches
/// across tenants.
fn enqueue(batch: &mut Batch, message: Message) {
    let mut params = vec![
        message.id.0.into(),
        message.kind.as_str().into(),
        message.channel().as_str().into(),
        message.recipient.into(),
        message.languages.into(),
        message.data.map(|data| data.0).into(),
        message.state.as_str().into(),
        i64::from(message.attempts).into(),
        message.due_at.into(),
        message.error.into(),
        message.created_at.into(),
        message.finished_at.into(),
        Value::text(message.tenant.as_str()),
    ];
    let sql = if let Some(identity) = message.identity {
        params.push(identity.0.into());
        "-- messages.enqueue
INSERT INTO messages
  (id, kind, channel, recipient, languages, data, state, attempts, due_at, error, created_at, finished_at, tenant_id,
   identity_id)
SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, t.id, i.id
FROM tenants t
JOIN identities i ON i.tenant_id = t.id
WHERE t.id = ? AND t.active AND i.id = ?"
    } else {
        "-- messages.enqueue_without_identity
INSERT INTO messages
  (id, kind, channel, recipient, languages, data, state, attempts, due_at, error, created_at, finished_at, tenant_id)
SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, t.id
FROM tenants t
WHERE t.id = ? AND t.active"
    };
    batch.guarded(sql, params, Guard::Tenant);
}

/// Goes through what waits in the order in which it is due, by an index that holds nothing else, and ends at the last message
/// that it takes. On PostgreSQL, a subselect in `IN (…)` may be run again for each row, and would then take more: that in an
/// array is run once. MariaDB sorts all that is due unless every column of the index is in the order.
fn take(batch: &mut Batch, lease: Uuid, (channel, most): (Channel, u32), (at, until): (Timestamp, Timestamp)) {
    let sql = match batch.dialect {
        Dialect::Sqlite => {
            "-- messages.lease
UPDATE messages
SET state = 'leased', lease = ?, due_at = ?, attempts = attempts + 1
WHERE id IN (
  SELECT id FROM messages WHERE channel = ? AND finished_at IS NULL AND due_at <= ? ORDER BY due_at, id LIMIT ?)"
        }
        Dialect::Postgres => {
            "-- messages.lease
UPDATE messages
SET state = 'leased', lease = ?, due_at = ?, attempts = attempts + 1
WHERE id = ANY (ARRAY(
  SELECT id FROM messages WHERE channel = ? AND finished_at IS NULL AND due_at <= ? ORDER BY due_at, id LIMIT ?
  FOR UPDATE SKIP LOCKED))"
        }
        Dialect::MySql => {
            "-- messages.lease
UPDATE messages
SET state = 'leased', lease = ?, due_at = ?, attempts = attempts + 1
WHERE channel = ? AND finished_at IS NULL AND due_at <= ?
ORDER BY channel, finished_at, due_at, id
LIMIT ?"
        }
    };
    let params = vec![lease.into(), until.into(), channel.as_str().into(), at.into(), i64::from(most).into()];
    batch.free(sql, params);
}
