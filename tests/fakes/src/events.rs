//! The audit trail.

use std::collections::BTreeMap;

use kayan_ports::{
    AuditEvent, CommitError, EventCursor, EventOrder, EventPage, EventQuery, Failure, IdentityId, Scope, TenantId,
    Timestamp,
};

use crate::rows::{Rows, takes_in};

impl Rows {
    pub(crate) fn record(&mut self, event: AuditEvent) -> Result<(), CommitError> {
        if self.events.iter().any(|other| other.id == event.id) {
            return Err(CommitError::Failed(Failure::Fault(format!("there is an event {} already", event.id))));
        }
        self.events.push(event);
        Ok(())
    }

    pub(crate) fn events_about(&self, tenant: &TenantId, identity: IdentityId) -> Vec<AuditEvent> {
        let id = identity.to_string();
        let about = |event: &&AuditEvent| {
            event.tenant == *tenant && [&event.actor, &event.subject].into_iter().any(|who| who.as_ref() == Some(&id))
        };
        let mut events: Vec<_> = self.events.iter().filter(about).cloned().collect();
        events.sort_by_key(|event| (event.created_at, event.id));
        events
    }

    pub(crate) fn event_page(&self, query: &EventQuery, after: Option<EventCursor>, limit: u32) -> EventPage {
        let behind = |event: &EventCursor| match (after, query.order) {
            (None, _) => true,
            (Some(after), EventOrder::OldestFirst) => *event > after,
            (Some(after), EventOrder::NewestFirst) => *event < after,
        };
        let taken = self.events.iter().filter(|event| query.takes(event) && behind(&EventCursor::from(*event)));
        let mut events: Vec<_> = taken.cloned().collect();
        events.sort_by_key(|event| EventCursor::from(event));
        if query.order == EventOrder::NewestFirst {
            events.reverse();
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = events.len() > limit;
        events.truncate(limit);
        EventPage { next: events.last().filter(|_| more).map(EventCursor::from), events }
    }

    pub(crate) fn count_events(&self, scope: &Scope, until: Timestamp) -> Vec<(TenantId, u64)> {
        let mut counts = BTreeMap::new();
        for event in self.events.iter().filter(|event| takes_in(scope, &event.tenant) && event.created_at < until) {
            *counts.entry(event.tenant.clone()).or_default() += 1;
        }
        counts.into_iter().collect()
    }

    pub(crate) fn purge_events(&mut self, scope: &Scope, until: Timestamp) {
        self.events.retain(|event| !takes_in(scope, &event.tenant) || event.created_at >= until);
    }
}
