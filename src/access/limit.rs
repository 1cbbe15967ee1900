//! Counts requests against the rate limits.

use std::{borrow::Cow, fmt::Display, time::Duration};

use kayan_ports::{Admission, EventType, Method, RateLimit, TenantId, Timestamp};

use crate::{Caller, Failure, Kayan, access::attempt::LOCKOUT, policy::flood::LeftOut};

/// The rate limits; `None` is no limit.
#[derive(Debug, Clone, Copy, Default)]
pub struct RateLimits {
    /// All requests from one client: an address, or an IPv6 /64 (I-37).
    pub ip: Option<RateLimit>,
    /// Logins with one identifier, from any client.
    pub login: Option<RateLimit>,
    /// Registrations from one client.
    pub registration: Option<RateLimit>,
}

/// A request over its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many requests")]
pub struct Limited {
    /// The limit.
    pub limit: RateLimit,
    /// How long until the next request is admitted.
    pub retry_after: Duration,
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// It is over its limit.
    #[error(transparent)]
    Limited(#[from] Limited),
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// A limit, and what is left of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// The limit.
    pub limit: RateLimit,
    /// How many more requests would be admitted now.
    pub remaining: u32,
    /// How long until the whole limit is available again.
    pub reset: Duration,
}

impl Kayan {
    /// Whether there is a limit for each client.
    pub fn limits_clients(&self) -> bool {
        self.settings.limits.ip.is_some()
    }

    /// Counts any request against its client's limit.
    pub async fn limit_client(&self, caller: &Caller) -> Result<Option<Allowance>, LimitError> {
        self.limit_network(caller, self.settings.limits.ip).await
    }

    /// Counts a request against a limit for each client's network.
    pub(crate) async fn limit_network<E: From<Limited> + From<Failure>>(
        &self,
        caller: &Caller,
        limit: Option<RateLimit>,
    ) -> Result<Option<Allowance>, E> {
        match limit.and_then(|_| caller.client.network()) {
            Some(network) => self.limit(caller, limit, &network).await,
            None => Ok(None),
        }
    }

    /// Counts a request of `who` against a limit.
    pub(crate) async fn limit<E: From<Limited> + From<Failure>>(
        &self,
        caller: &Caller,
        limit: Option<RateLimit>,
        who: &(impl Display + Sync),
    ) -> Result<Option<Allowance>, E> {
        let Some(limit) = limit else { return Ok(None) };
        let (who, now) = (who.to_string(), self.clock.now());
        match self.limiter.admit(&limit, &who, now).await? {
            Admission::Admitted { remaining, reset } => Ok(Some(Allowance { limit, remaining, reset })),
            Admission::Refused { retry_after } => {
                self.record_limited(caller, limit.name, &who, now).await;
                Err(Limited { limit, retry_after }.into())
            }
        }
    }

    /// A refused client must be able neither to fill the audit trail, nor to learn that it can't be written.
    async fn record_limited(&self, caller: &Caller, name: &'static str, who: &str, now: Timestamp) {
        let caller = self.in_a_tenant_that_exists(caller, name, now).await;
        if self.flood.lock().tell(&caller.tenant, name, who, now) {
            let event =
                self.event(&caller, EventType::RateLimited, now, "too many requests").failed(30).with("limit", name);
            let _unwritten = self.record(event).await;
        }
    }

    /// The caller, in `default` if its tenant does not exist: with invented names it could fill the audit trail despite the
    /// budget for each tenant.
    async fn in_a_tenant_that_exists<'a>(
        &self,
        caller: &'a Caller,
        name: &'static str,
        now: Timestamp,
    ) -> Cow<'a, Caller> {
        let default = TenantId::default();
        let known = caller.tenant == default || self.flood.lock().knows(&caller.tenant, name);
        if known {
            return Cow::Borrowed(caller);
        }
        let may_look = self.flood.lock().may_look_up(now);
        if may_look && matches!(self.store.tenants.tenant(&caller.tenant).await, Ok(Some(_))) {
            return Cow::Borrowed(caller);
        }
        Cow::Owned(Caller { tenant: default, ..caller.clone() })
    }

    /// Records, in each tenant, how many refusals of each kind got no event of their own in the past minutes. To be called
    /// about once a minute.
    pub async fn record_left_out(&self) -> Result<(), Failure> {
        let now = self.clock.now();
        let left_out = self.flood.lock().left_out(now);
        let events = left_out.into_iter().map(|LeftOut { tenant, kind, count }| {
            let event = if kind == LOCKOUT {
                self.bare_event(
                    tenant,
                    EventType::LoginBlocked,
                    now,
                    "more failed attempts than are recorded one by one",
                )
                .failed(60)
                .with("method", Method::Password.as_str())
            } else {
                self.bare_event(
                    tenant,
                    EventType::RateLimited,
                    now,
                    "more refused requests than are recorded one by one",
                )
                .failed(30)
                .with("limit", kind)
            };
            event.with("untold", count).record()
        });
        let events: Vec<_> = events.collect();
        if events.is_empty() { Ok(()) } else { self.commit(events).await }
    }
}

#[cfg(test)]
mod tests;
