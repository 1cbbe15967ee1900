//! Purges events of the audit trail by age, and records that in the trail.

use kayan_ports::{Change, EventQuery, EventType, PurgeEvents, Scope, Timestamp, timestamp};
use time::Duration;

use crate::{DeniedError, Failure, Kayan, Operator, Permission, audit::event::Event};

/// How many events one commit removes, so that others do not wait long for it.
const BATCH: u32 = 1_000;
/// How many tenants' `audit.purged` events one commit writes.
const TOLD: usize = 200;

/// Why nothing was purged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PurgeEventsError {
    /// The time is in the future.
    #[error("`{0}` is in the future: only what has happened can be purged")]
    InFuture(String),
    /// The operator may not purge, or the service failed.
    #[error(transparent)]
    Denied(#[from] DeniedError),
}

impl From<Failure> for PurgeEventsError {
    fn from(failure: Failure) -> Self {
        Self::Denied(failure.into())
    }
}

impl Kayan {
    /// Removes the events from before `before` in the operator's scope; returns their number.
    ///
    /// Writes `audit.purged`, with `before` and `count`, for each tenant before its events are removed. If the purge is
    /// interrupted, the next one records the remaining events again.
    pub async fn purge_events(&self, operator: &Operator, before: Timestamp) -> Result<u64, PurgeEventsError> {
        self.permit(operator, &Permission::AUDIT_PURGE, "audit.purge").await?;
        let now = self.clock.now();
        if before > now {
            return Err(PurgeEventsError::InFuture(timestamp::text(before)));
        }
        let counts = self.store.audit.count_events(&operator.scope, before).await?;
        let tenant = operator.tenant();
        let count: u64 = counts.iter().map(|(_, count)| count).sum();
        let action = self
            .operator_event(operator, &tenant, EventType::AdminAction, now, "events of the audit trail were purged")
            .with("action", "audit.purge")
            .with("before", timestamp::text(before))
            .with("count", count);
        let told = counts.into_iter().map(|(tenant, count)| {
            let message = "events were purged because of their age";
            let event = self.operator_event(operator, &tenant, EventType::AuditPurged, now, message);
            about(event, before, count)
        });
        let told = [action.record()].into_iter().chain(told.map(Event::record)).collect();
        self.purge(&operator.scope, before, told).await?;
        Ok(count)
    }

    /// Removes the events older than `retention` in all tenants, on behalf of the service; returns their number.
    pub async fn retain_events(&self, retention: std::time::Duration) -> Result<u64, Failure> {
        let now = self.clock.now();
        let retention = Duration::try_from(retention).unwrap_or(Duration::MAX);
        let Some(before) = now.checked_sub(retention) else { return Ok(0) };
        // Nearly always nothing is too old, and nothing has to be counted.
        let oldest = EventQuery { end: Some(before), ..EventQuery::all(Scope::System) };
        if self.store.audit.events(&oldest, None, 1).await?.events.is_empty() {
            return Ok(0);
        }
        let counts = self.store.audit.count_events(&Scope::System, before).await?;
        let count = counts.iter().map(|(_, count)| count).sum();
        let told = counts.into_iter().map(|(tenant, count)| {
            let message = "events were purged because of their age";
            about(self.bare_event(tenant, EventType::AuditPurged, now, message), before, count).record()
        });
        self.purge(&Scope::System, before, told.collect()).await?;
        Ok(count)
    }

    /// Removes nothing before every tenant has its `audit.purged` event.
    async fn purge(&self, scope: &Scope, before: Timestamp, mut told: Vec<Change>) -> Result<(), Failure> {
        while told.len() > TOLD {
            let rest = told.split_off(TOLD);
            self.commit(std::mem::replace(&mut told, rest)).await?;
        }
        let oldest = EventQuery { end: Some(before), ..EventQuery::all(scope.clone()) };
        loop {
            let page = self.store.audit.events(&oldest, None, BATCH).await?;
            let until = page.next.map_or(before, |next| next.at + Duration::MICROSECOND);
            let mut changes = std::mem::take(&mut told);
            if !page.events.is_empty() {
                changes.push(Change::PurgeEvents(PurgeEvents { scope: scope.clone(), until, parts_until: before }));
            }
            self.commit(changes).await?;
            if page.next.is_none() {
                return Ok(());
            }
        }
    }
}

fn about(event: Event, before: Timestamp, count: u64) -> Event {
    event.with("before", timestamp::text(before)).with("count", count)
}

#[cfg(test)]
mod tests;
