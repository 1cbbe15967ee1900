//! Measures the whole service, for its metrics.

use kayan_ports::{EventOrder, EventQuery, Scope, TenantId};
use time::Duration;

use crate::{Failure, Kayan};

impl Kayan {
    /// The number of active sessions in each tenant that has any. The database counts them, so call it rarely.
    pub async fn count_sessions(&self) -> Result<Vec<(TenantId, u64)>, Failure> {
        self.store.sessions.active_sessions_by_tenant(self.clock.now()).await
    }

    /// The age of the oldest event that is not sealed yet; zero when all are sealed.
    pub async fn seal_lag(&self) -> Result<Duration, Failure> {
        let sealed_until = self.store.seals.sealed_until().await?;
        let start = Some(sealed_until + Duration::MICROSECOND);
        let unsealed = EventQuery { start, order: EventOrder::OldestFirst, ..EventQuery::all(Scope::System) };
        let oldest = self.store.audit.events(&unsealed, None, 1).await?.events.into_iter().next();
        Ok(oldest.map_or(Duration::ZERO, |event| self.dated_now() - event.created_at))
    }
}

#[cfg(test)]
mod tests;
