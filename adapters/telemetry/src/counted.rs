//! The ports that count, counted themselves: who was refused, and who was locked out.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use async_trait::async_trait;
use kayan_ports::{
    Admission, AttemptCounter, AttemptKey, Change, CountError, Lockout, RateLimit, RateLimiter, Reservation, Target,
    Timestamp,
};
use quick_cache::sync::Cache;

const HITS: &str = "kayan_rate_limit_hits_total";
const LOCKOUTS: &str = "kayan_lockout_events_total";
/// So many lockouts are known at a time; one that is forgotten is counted again.
const KNOWN: usize = 10_000;

/// A limiter whose refusals are counted, by the name of the limit.
pub struct CountedLimiter(Arc<dyn RateLimiter>);

impl CountedLimiter {
    /// Counts what `inner` refuses.
    pub fn new(inner: Arc<dyn RateLimiter>) -> Self {
        for name in ["ip", "login", "registration"] {
            ::metrics::counter!(HITS, "key" => name).increment(0);
        }
        Self(inner)
    }
}

#[async_trait]
impl RateLimiter for CountedLimiter {
    async fn admit(&self, limit: &RateLimit, who: &str, now: Timestamp) -> Result<Admission, CountError> {
        let admission = self.0.admit(limit, who, now).await;
        if matches!(admission, Ok(Admission::Refused { .. })) {
            ::metrics::counter!(HITS, "key" => limit.name).increment(1);
        }
        admission
    }
}

/// A counter of attempts whose lockouts are counted: each once, when the first attempt is refused because of it.
pub struct CountedAttempts {
    inner: Arc<dyn AttemptCounter>,
    /// Until when whom was locked out when it was counted.
    known: Cache<u64, Timestamp>,
    hasher: RandomState,
}

impl CountedAttempts {
    /// Counts whom `inner` locks out.
    pub fn new(inner: Arc<dyn AttemptCounter>) -> Self {
        for action in ["locked", "unlocked"] {
            ::metrics::counter!(LOCKOUTS, "action" => action).increment(0);
        }
        Self { inner, known: Cache::new(KNOWN), hasher: RandomState::new() }
    }
}

#[async_trait]
impl AttemptCounter for CountedAttempts {
    async fn reserve(&self, key: &AttemptKey, lockout: &Lockout, now: Timestamp) -> Result<Reservation, CountError> {
        let reservation = self.inner.reserve(key, lockout, now).await;
        if let Ok(Reservation::Locked { until }) = reservation {
            let whom = self.hasher.hash_one(key);
            if self.known.get(&whom) != Some(until) {
                ::metrics::counter!(LOCKOUTS, "action" => "locked").increment(1);
            }
            self.known.insert(whom, until);
        }
        reservation
    }

    async fn release(&self, key: &AttemptKey) -> Result<(), CountError> {
        self.inner.release(key).await
    }

    async fn forget(&self, key: &AttemptKey) -> Result<(), CountError> {
        self.inner.forget(key).await
    }

    async fn unlock(&self, target: &Target) -> Result<(), CountError> {
        self.inner.unlock(target).await
    }

    fn forgetting(&self, key: &AttemptKey) -> Option<Change> {
        self.inner.forgetting(key)
    }
}
