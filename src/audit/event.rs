//! Builds audit events.

use kayan_ports::{
    AuditEvent, Change, Client, EventId, EventType, IdentityId, Outcome, SessionId, TenantId, Timestamp, timestamp,
};
use serde_json::{Map, Value};

use crate::{Caller, Failure, Kayan, Operator};

/// The clock's own time, in the metadata of an event with another time.
const CLOCK: &str = "clock";

/// An audit event under construction.
pub(crate) struct Event(Box<AuditEvent>);

impl Kayan {
    /// An event that a client of the API caused.
    pub(crate) fn event(&self, caller: &Caller, kind: EventType, now: Timestamp, message: &str) -> Event {
        let mut event = self.bare_event(caller.tenant.clone(), kind, now, message);
        event.0.client = caller.client.clone();
        event.0.request_id.clone_from(&caller.request_id);
        event
    }

    /// An event that an operator caused, in the tenant that it concerns.
    pub(crate) fn operator_event(
        &self,
        operator: &Operator,
        tenant: &TenantId,
        kind: EventType,
        now: Timestamp,
        message: &str,
    ) -> Event {
        let mut event = self.bare_event(tenant.clone(), kind, now, message);
        event.0.actor = Some(operator.name.clone());
        event.0.client = operator.client.clone();
        event.0.request_id.clone_from(&operator.request_id);
        event
    }

    /// An event that the service itself caused. If the clock was put back, the event's time is later than the clock,
    /// whose own time goes into the metadata.
    pub(crate) fn bare_event(&self, tenant: TenantId, kind: EventType, now: Timestamp, message: &str) -> Event {
        let ahead = self.ahead();
        let event = Event(Box::new(AuditEvent {
            id: EventId(self.new_id(now)),
            tenant,
            kind,
            outcome: Outcome::Success,
            actor: None,
            subject: None,
            message: message.to_owned(),
            metadata: Map::new(),
            client: Client::default(),
            session: None,
            resource: None,
            old_value: None,
            new_value: None,
            risk: 0,
            request_id: None,
            created_at: now.saturating_add(ahead),
        }));
        if ahead.is_zero() { event } else { event.with(CLOCK, timestamp::text(now)) }
    }

    /// Commits an event without another change.
    pub(crate) async fn record(&self, event: Event) -> Result<(), Failure> {
        self.commit(vec![event.record()]).await
    }

    /// Commits changes that can't be in conflict with others.
    pub(crate) async fn commit(&self, changes: Vec<Change>) -> Result<(), Failure> {
        Ok(self.store.changes.commit(changes).await?)
    }
}

impl Event {
    /// The time of the event.
    pub(crate) fn at(&self) -> Timestamp {
        self.0.created_at
    }

    /// The identity did it to itself.
    pub(crate) fn by(mut self, identity: IdentityId) -> Self {
        self.0.actor = Some(identity.to_string());
        self.about(identity)
    }

    /// It concerns this identity.
    pub(crate) fn about(mut self, identity: IdentityId) -> Self {
        self.0.subject = Some(identity.to_string());
        self
    }

    /// It failed; `risk` is 0 to 100.
    pub(crate) fn failed(mut self, risk: u8) -> Self {
        self.0.outcome = Outcome::Failure;
        self.0.risk = risk;
        self
    }

    /// The session that it concerns.
    pub(crate) fn session(mut self, session: SessionId) -> Self {
        self.0.session = Some(session);
        self.resource(format!("session/{session}"))
    }

    /// What was changed.
    pub(crate) fn resource(mut self, resource: String) -> Self {
        self.0.resource = Some(resource);
        self
    }

    /// The values before and after, secrets left out.
    pub(crate) fn values(mut self, old: Option<Value>, new: Option<Value>) -> Self {
        self.0.old_value = old;
        self.0.new_value = new;
        self
    }

    /// Adds a value to the metadata.
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.metadata.insert(key.to_owned(), value.into());
        self
    }

    /// The change that writes it.
    pub(crate) fn record(self) -> Change {
        Change::Record(self.0)
    }
}
