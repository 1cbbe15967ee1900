//! Which events of the audit trail to read, and from where on.

use crate::{AuditEvent, EventId, EventType, Outcome, Scope, Timestamp};

/// In which order events are read. Events of one moment stand in the order of their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventOrder {
    /// Forward in time.
    OldestFirst,
    /// Back in time.
    NewestFirst,
}

/// Which events to read. What is `None`, and an empty list, is no condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventQuery {
    /// What may be seen.
    pub scope: Scope,
    /// In which order.
    pub order: EventOrder,
    /// Only of one of these types.
    pub types: Vec<EventType>,
    /// Only those that this one did: an identity's id, or a name such as `cli`.
    pub actor: Option<String>,
    /// Only those done to this identity.
    pub subject: Option<String>,
    /// Only those that came out so.
    pub outcome: Option<Outcome>,
    /// Only those from this address, written as the trail has it.
    pub ip: Option<String>,
    /// Only from then on, inclusive.
    pub start: Option<Timestamp>,
    /// Only until then, exclusive.
    pub end: Option<Timestamp>,
}

impl EventQuery {
    /// Every event of the scope, oldest first.
    pub fn all(scope: Scope) -> Self {
        Self {
            scope,
            order: EventOrder::OldestFirst,
            types: Vec::new(),
            actor: None,
            subject: None,
            outcome: None,
            ip: None,
            start: None,
            end: None,
        }
    }

    /// Whether the event is one of those asked for.
    pub fn takes(&self, event: &AuditEvent) -> bool {
        let is = |wanted: &Option<String>, has: &Option<String>| wanted.is_none() || wanted == has;
        self.scope.tenant().is_none_or(|tenant| *tenant == event.tenant)
            && (self.types.is_empty() || self.types.contains(&event.kind))
            && is(&self.actor, &event.actor)
            && is(&self.subject, &event.subject)
            && is(&self.ip, &event.client.ip)
            && self.outcome.is_none_or(|outcome| outcome == event.outcome)
            && self.start.is_none_or(|start| event.created_at >= start)
            && self.end.is_none_or(|end| event.created_at < end)
    }
}

/// A place in the trail: that of one event, whether or not it is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventCursor {
    /// When the event happened.
    pub at: Timestamp,
    /// Its id.
    pub id: EventId,
}

impl From<&AuditEvent> for EventCursor {
    fn from(event: &AuditEvent) -> Self {
        Self { at: event.created_at, id: event.id }
    }
}

/// A stretch of the trail.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPage {
    /// The events of it that were asked for; there may be none.
    pub events: Vec<AuditEvent>,
    /// Where to go on; nothing: there is no more.
    pub next: Option<EventCursor>,
}
