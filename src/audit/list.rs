//! Lists events of the audit trail.

use kayan_ports::{EventCursor, EventPage, EventQuery};

use crate::{DeniedError, Kayan, Operator, Permission};

/// The most events in a list.
pub const MOST_LISTED: u32 = 1_000;
/// How many events are searched for one list.
const MOST_SEARCHED: u32 = 100_000;
/// How many events are read at a time when a condition may exclude some.
const STEP: u32 = 2_000;

impl Kayan {
    /// At most `limit` events (1 to [`MOST_LISTED`]) after `after`, within the operator's scope.
    ///
    /// The time that this takes does not depend on the length of the trail: a list of rare events may hold fewer than
    /// `limit`, or none, and still have a next page.
    pub async fn list_events(
        &self,
        operator: &Operator,
        query: &EventQuery,
        after: Option<EventCursor>,
        limit: u32,
    ) -> Result<EventPage, DeniedError> {
        self.permit(operator, &Permission::AUDIT_READ, "audit.list").await?;
        let query = EventQuery { scope: operator.scope.clone(), ..query.clone() };
        let limit = limit.clamp(1, MOST_LISTED);
        let step = if takes_all(&query) { limit } else { STEP };
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut list = EventPage { events: Vec::new(), next: after };
        for _ in 0..MOST_SEARCHED.div_ceil(step) {
            let page = self.store.audit.events(&query, list.next, step).await?;
            list.events.extend(page.events);
            list.next = page.next;
            if list.events.len() > wanted {
                list.events.truncate(wanted);
                list.next = list.events.last().map(EventCursor::from);
            }
            if list.events.len() == wanted || list.next.is_none() {
                break;
            }
        }
        Ok(list)
    }
}

/// Whether the query selects every event.
fn takes_all(query: &EventQuery) -> bool {
    let EventQuery { types, actor, subject, outcome, ip, .. } = query;
    types.is_empty() && outcome.is_none() && ip.is_none() && (actor.is_none() || subject.is_none())
}

#[cfg(test)]
mod tests;
