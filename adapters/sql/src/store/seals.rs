//! Seals, and the audit trail that they cover.

use async_trait::async_trait;
use kayan_ports::{
    EventId, Failure, Guard, Position, Seal, SealChange, Sealing, Seals, SessionId, Stretch, TenantId, Timestamp,
    TrailEvent, Unique, Unsealed,
};
use time::Duration;

use crate::{Driver, DriverError, Query, Reading, Row, SqlStore, Value, changes::Batch};

/// Reads at most this many new events to find their tenants.
const LOOK: i64 = 20_000;

columns!(seal = "number, last_at, last_id, entries, root, previous, sealed_at, public_key, signature");

/// Reads `seal!()`.
fn decode_seal(row: &mut Row, tenant: &TenantId) -> Result<Seal, DriverError> {
    Ok(Seal {
        tenant: tenant.clone(),
        number: row.int()?,
        last: Position { at: row.time()?, id: EventId(row.exact_uuid()?) },
        entries: row.bytes()?,
        root: row.hash()?,
        previous: row.hash()?,
        sealed_at: row.time()?,
        public_key: row.hash()?,
        signature: row.bytes()?,
    })
}

columns!(
    trail_event =
        "id, type, status, actor, subject, message, metadata, ip_address, user_agent, session_id, resource, old_value,
       new_value, risk_score, request_id, created_at"
);

/// Reads `trail_event!()`.
fn decode_event(row: &mut Row, tenant: &TenantId) -> Result<TrailEvent, DriverError> {
    Ok(TrailEvent {
        id: EventId(row.exact_uuid()?),
        tenant: tenant.clone(),
        kind: row.text()?,
        outcome: row.text()?,
        actor: row.maybe_text()?,
        subject: row.maybe_text()?,
        message: row.text()?,
        metadata: row.document()?,
        ip: row.maybe_text()?,
        user_agent: row.maybe_text()?,
        session: row.maybe_exact_uuid()?.map(SessionId),
        resource: row.maybe_text()?,
        old_value: row.maybe_document()?,
        new_value: row.maybe_document()?,
        risk: row.int()?,
        request_id: row.maybe_text()?,
        created_at: row.time()?,
    })
}

#[async_trait]
impl<D: Driver> Seals for SqlStore<D> {
    async fn sealed_until(&self) -> Result<Timestamp, Failure> {
        let sql = "-- seals.until
SELECT sealed_until
FROM audit_sealing
WHERE id = 1";
        let rows = self.driver.read(Query { sql, params: Vec::new(), reading: Reading::Point }).await?;
        Ok(rows.into_iter().next().map_or(Ok(Timestamp::UNIX_EPOCH), |mut row| row.time())?)
    }

    /// Finds them by time over all tenants: going by tenant would take a look-up for each.
    async fn unsealed(&self, after: Timestamp, until: Timestamp) -> Result<Unsealed, Failure> {
        let sql = "-- seals.unsealed
SELECT tenant_id, COUNT(*), MIN(created_at), MAX(created_at)
FROM (SELECT tenant_id, created_at
      FROM audit_events
      WHERE created_at > ? AND created_at <= ?
      ORDER BY created_at
      LIMIT ?) recent
GROUP BY tenant_id";
        let rows = self.driver.read(Query {
            sql,
            params: vec![after.into(), until.into(), LOOK.into()],
            reading: Reading::Scan,
        });
        let (mut tenants, mut count, mut first, mut last) = (Vec::new(), 0, until, after);
        for mut row in rows.await? {
            tenants.push(row.word(|name| name.parse().ok())?);
            count += row.int()?;
            first = first.min(row.time()?);
            last = last.max(row.time()?);
        }
        // The limit may have cut off events of the last moment, which is therefore read again, unless there is no other.
        let up_to = if count < LOOK {
            until
        } else if first == last {
            last
        } else {
            last - Duration::MICROSECOND
        };
        Ok(Unsealed { tenants, up_to })
    }

    async fn last_seal(&self, tenant: &TenantId) -> Result<Option<Seal>, Failure> {
        let sql = concat!(
            "-- seals.last
SELECT ",
            seal!(),
            "
FROM audit_seals
WHERE tenant_id = ?
ORDER BY number DESC
LIMIT 1"
        );
        let rows =
            self.driver.read(Query { sql, params: vec![Value::text(tenant.as_str())], reading: Reading::Scan }).await?;
        Ok(rows.into_iter().next().map(|mut row| decode_seal(&mut row, tenant)).transpose()?)
    }

    async fn seals(&self, tenant: &TenantId, number: i64, limit: u32) -> Result<Vec<Seal>, Failure> {
        let sql = concat!(
            "-- seals.after
SELECT ",
            seal!(),
            "
FROM audit_seals
WHERE tenant_id = ? AND number > ?
ORDER BY number
LIMIT ?"
        );
        let params = vec![Value::text(tenant.as_str()), number.into(), i64::from(limit).into()];
        let rows = self.driver.read(Query { sql, params, reading: Reading::Scan }).await?;
        Ok(rows.into_iter().map(|mut row| decode_seal(&mut row, tenant)).collect::<Result<_, DriverError>>()?)
    }

    /// The bounds are spelled out, as not every planner uses an index for `(created_at, id) > (…)`. The first stretch has no
    /// lower bound: a forged event may have any time.
    async fn trail(&self, stretch: &Stretch) -> Result<Vec<TrailEvent>, Failure> {
        let Stretch { tenant, after, until, limit } = stretch;
        let mut params = vec![Value::text(tenant.as_str()), until.at.into(), until.at.into(), until.id.0.into()];
        let sql = if let Some(after) = after {
            params.extend([after.at.into(), after.at.into(), after.id.0.into()]);
            concat!(
                "-- audit.trail_after
SELECT ",
                trail_event!(),
                "
FROM audit_events
WHERE tenant_id = ? AND created_at <= ? AND (created_at < ? OR id <= ?)
  AND created_at >= ? AND (created_at > ? OR id > ?)
ORDER BY created_at, id
LIMIT ?"
            )
        } else {
            concat!(
                "-- audit.trail
SELECT ",
                trail_event!(),
                "
FROM audit_events
WHERE tenant_id = ? AND created_at <= ? AND (created_at < ? OR id <= ?)
ORDER BY created_at, id
LIMIT ?"
            )
        };
        params.push(i64::from(*limit).into());
        let rows = self.driver.read(Query { sql, params, reading: Reading::Scan }).await?;
        Ok(rows.into_iter().map(|mut row| decode_event(&mut row, tenant)).collect::<Result<_, DriverError>>()?)
    }

    /// Steps from name to name by index: a trail may have millions of events.
    async fn next_trail(&self, after: Option<&TenantId>) -> Result<Option<TenantId>, Failure> {
        let sql = "-- audit.next_trail
SELECT MIN(tenant_id)
FROM (SELECT MIN(tenant_id) AS tenant_id FROM audit_events WHERE tenant_id > ?
      UNION ALL
      SELECT MIN(tenant_id) AS tenant_id FROM audit_seals WHERE tenant_id > ?) nearest";
        let after = Value::text(after.map_or("", TenantId::as_str));
        let rows = self.driver.read(Query { sql, params: vec![after.clone(), after], reading: Reading::Scan }).await?;
        match rows.into_iter().next() {
            Some(mut row) if !row.at_null() => Ok(Some(row.word(|name| name.parse().ok())?)),
            _ => Ok(None),
        }
    }
}

pub(crate) fn apply(batch: &mut Batch, change: SealChange) {
    match change {
        SealChange::Add(seal) => add(batch, *seal),
        SealChange::Lease(sealing) => lease(batch, &sealing),
    }
}

fn lease(batch: &mut Batch, sealing: &Sealing) {
    let sql = "-- seals.keep
UPDATE audit_sealing
SET holder = ?, leased_until = ?, sealed_until = CASE WHEN sealed_until < ? THEN ? ELSE sealed_until END
WHERE id = 1 AND (holder = ? OR leased_until <= ?)";
    let Sealing { holder, now, until, sealed_until } = *sealing;
    let params = vec![holder.into(), until.into(), sealed_until.into(), sealed_until.into(), holder.into(), now.into()];
    batch.guarded(sql, params, Guard::Sealing);
}

fn add(batch: &mut Batch, seal: Seal) {
    let sql = concat!(
        "-- seals.add
INSERT INTO audit_seals
  (tenant_id, ",
        seal!(),
        ")
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    );
    let params = vec![
        Value::text(seal.tenant.as_str()),
        seal.number.into(),
        seal.last.at.into(),
        seal.last.id.0.into(),
        Value::Bytes(seal.entries),
        seal.root.into(),
        seal.previous.into(),
        seal.sealed_at.into(),
        seal.public_key.into(),
        Value::Bytes(seal.signature),
    ];
    batch.unique(sql, params, Unique::Seal);
}
