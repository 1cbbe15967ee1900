//! The audit trail.

mod events;

use async_trait::async_trait;
use kayan_ports::{
    AuditEvent, AuditTrail, Client, EventCursor, EventId, EventPage, EventQuery, EventType, Failure, IdentityId,
    Outcome, Scope, SessionId, TenantId, Timestamp,
};

pub(crate) use self::events::purge;
use crate::{Driver, DriverError, Query, Reading, Row, SqlStore, Value, changes::Batch};

columns!(
    pub event =
        "id, tenant_id, type, status, actor, subject, message, metadata, ip_address, user_agent, session_id, resource,
       old_value, new_value, risk_score, request_id, created_at"
);

/// Reads `event!()`.
pub(crate) fn decode(row: &mut Row) -> Result<AuditEvent, DriverError> {
    Ok(AuditEvent {
        id: EventId(row.uuid()?),
        tenant: row.word(|name| name.parse().ok())?,
        kind: row.word(EventType::from_name)?,
        outcome: row.word(Outcome::from_name)?,
        actor: row.maybe_text()?,
        subject: row.maybe_text()?,
        message: row.text()?,
        metadata: row.json()?,
        client: Client { ip: row.maybe_text()?, user_agent: row.maybe_text()? },
        session: row.maybe_uuid()?.map(SessionId),
        resource: row.maybe_text()?,
        old_value: row.maybe_json()?,
        new_value: row.maybe_json()?,
        risk: u8::try_from(row.int()?).unwrap_or(100),
        request_id: row.maybe_text()?,
        created_at: row.time()?,
    })
}

#[async_trait]
impl<D: Driver> AuditTrail for SqlStore<D> {
    /// One arm for each index: with `OR`, a planner reads the tenant's whole trail instead. So does MariaDB with
    /// `tenant_id = ?`, where that looks cheap.
    async fn events_about(&self, tenant: &TenantId, identity: IdentityId) -> Result<Vec<AuditEvent>, Failure> {
        let sql = concat!(
            "-- audit.about
SELECT ",
            event!(),
            "
FROM audit_events
WHERE subject = ? AND tenant_id = COALESCE(?, tenant_id)
UNION ALL
SELECT ",
            event!(),
            "
FROM audit_events
WHERE actor = ? AND tenant_id = COALESCE(?, tenant_id) AND (subject IS NULL OR subject <> ?)
ORDER BY created_at, id"
        );
        let (tenant_name, whom) = (Value::text(tenant.as_str()), Value::from(identity.to_string()));
        let params = vec![whom.clone(), tenant_name.clone(), whom.clone(), tenant_name, whom];
        let rows = self.lagging().read(Query { sql, params, reading: Reading::Scan }).await?;
        Ok(rows.into_iter().map(|mut row| decode(&mut row)).collect::<Result<_, DriverError>>()?)
    }

    async fn events(&self, query: &EventQuery, after: Option<EventCursor>, limit: u32) -> Result<EventPage, Failure> {
        Ok(events::page(&self.driver, query, after, limit).await?)
    }

    async fn count_events(&self, scope: &Scope, until: Timestamp) -> Result<Vec<(TenantId, u64)>, Failure> {
        Ok(events::count(&self.driver, scope, until).await?)
    }
}

pub(crate) fn record(batch: &mut Batch, event: AuditEvent) -> Result<(), DriverError> {
    let sql = concat!(
        "-- audit.record
INSERT INTO audit_events
  (",
        event!(),
        ")
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    );
    let json = |value: Option<serde_json::Value>| value.map_or(Value::Null, |value| Value::Json(value.to_string()));
    let params = vec![
        event.id.0.into(),
        Value::text(event.tenant.as_str()),
        event.kind.as_str().into(),
        event.outcome.as_str().into(),
        event.actor.into(),
        event.subject.into(),
        event.message.into(),
        Value::json(&event.metadata)?,
        event.client.ip.into(),
        event.client.user_agent.into(),
        event.session.map(|id| id.0).into(),
        event.resource.into(),
        json(event.old_value),
        json(event.new_value),
        i64::from(event.risk).into(),
        event.request_id.into(),
        event.created_at.into(),
    ];
    batch.free(sql, params);
    Ok(())
}
