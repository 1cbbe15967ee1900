//! Counts requests against the rate limits.

use std::{fmt::Display, time::Duration};

use kayan_ports::{Admission, EventType, RateLimit, Timestamp};

use crate::{Caller, Failure, Kayan};

/// The rate limits; none is no limit.
#[derive(Debug, Clone, Copy, Default)]
pub struct RateLimits {
    /// All requests from one client: an address, or an IPv6 /64 (I-37).
    pub ip: Option<RateLimit>,
    /// Logins with one identifier, from wherever.
    pub login: Option<RateLimit>,
    /// Registrations from one client.
    pub registration: Option<RateLimit>,
}

/// A request too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many requests")]
pub struct Limited {
    /// The limit that it went over.
    pub limit: RateLimit,
    /// In so long the next one is heard.
    pub retry_after: Duration,
}

/// Why a request is not heard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// A request too many.
    #[error(transparent)]
    Limited(#[from] Limited),
    /// The service can't tell.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// A limit, and what is left of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// The limit.
    pub limit: RateLimit,
    /// So many more requests would be heard now.
    pub remaining: u32,
    /// In so long all of them would be again.
    pub reset: Duration,
}

impl Kayan {
    /// Whether clients have a limit at all.
    pub fn limits_clients(&self) -> bool {
        self.settings.limits.ip.is_some()
    }

    /// Counts a request, whatever it is for, against its client's limit.
    pub async fn limit_client(&self, caller: &Caller) -> Result<Option<Allowance>, LimitError> {
        self.limit_network(caller, self.settings.limits.ip).await
    }

    /// Counts a request against a limit that each client's network has for itself.
    pub(crate) async fn limit_network(
        &self,
        caller: &Caller,
        limit: Option<RateLimit>,
    ) -> Result<Option<Allowance>, LimitError> {
        match limit.and_then(|_| caller.client.network()) {
            Some(network) => self.limit(caller, limit, &network).await,
            None => Ok(None),
        }
    }

    /// Counts a request of `who` against a limit.
    pub(crate) async fn limit(
        &self,
        caller: &Caller,
        limit: Option<RateLimit>,
        who: &(impl Display + Sync),
    ) -> Result<Option<Allowance>, LimitError> {
        let Some(limit) = limit else { return Ok(None) };
        let (who, now) = (who.to_string(), self.clock.now());
        match self.limiter.admit(&limit, &who, now).await.map_err(Failure::from)? {
            Admission::Admitted { remaining, reset } => Ok(Some(Allowance { limit, remaining, reset })),
            Admission::Refused { retry_after } => {
                self.record_limited(caller, limit.name, &who, now).await;
                Err(Limited { limit, retry_after }.into())
            }
        }
    }

    /// A client that is turned away must not be able to fill the audit trail, nor to learn that it can't be written.
    async fn record_limited(&self, caller: &Caller, name: &str, who: &str, now: Timestamp) {
        let untold = self.flood.lock().tell(&format!("{name} {who}"), now);
        if let Some(untold) = untold {
            let event = self
                .event(caller, EventType::RateLimited, now, "too many requests")
                .failed(30)
                .with("limit", name)
                .with("untold", untold);
            let _unwritten = self.store.commit(vec![event.record()]).await;
        }
    }
}

#[cfg(test)]
mod tests;
