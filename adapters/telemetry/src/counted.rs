//! Decorators that count refused requests, lockouts, and the logins that either refuses.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use async_trait::async_trait;
use kayan_ports::{
    Admission, AttemptCounter, AttemptKey, Change, Failure, Lockout, RateLimit, RateLimiter, Reservation, Target,
    Timestamp,
};
use quick_cache::sync::Cache;

use crate::logins;

const HITS: &str = "kayan_rate_limit_hits_total";
const LOCKOUTS: &str = "kayan_lockout_events_total";
/// How many lockouts are remembered; an evicted one may be counted twice.
const KNOWN: usize = 10_000;

/// Counts the refusals of a limiter, by the name of the limit.
pub struct CountedLimiter(Arc<dyn RateLimiter>);

impl CountedLimiter {
    /// Counts the refusals of `inner`.
    pub fn new(inner: Arc<dyn RateLimiter>) -> Self {
        for name in ["ip", "login", "registration"] {
            ::metrics::counter!(HITS, "key" => name).increment(0);
        }
        Self(inner)
    }
}

#[async_trait]
impl RateLimiter for CountedLimiter {
    async fn admit(&self, limit: &RateLimit, who: &str, now: Timestamp) -> Result<Admission, Failure> {
        let admission = self.0.admit(limit, who, now).await;
        if matches!(admission, Ok(Admission::Refused { .. })) {
            ::metrics::counter!(HITS, "key" => limit.name).increment(1);
            logins::refused(limit.name);
        }
        admission
    }
}

/// Counts the lockouts of an attempt counter: each once, when it first refuses an attempt.
pub struct CountedAttempts {
    inner: Arc<dyn AttemptCounter>,
    /// The lockouts that were counted: the hash of the key, and when it ends.
    known: Cache<u64, Timestamp>,
    hasher: RandomState,
}

impl CountedAttempts {
    /// Counts the lockouts of `inner`.
    pub fn new(inner: Arc<dyn AttemptCounter>) -> Self {
        for action in ["locked", "unlocked"] {
            ::metrics::counter!(LOCKOUTS, "action" => action).increment(0);
        }
        Self { inner, known: Cache::new(KNOWN), hasher: RandomState::new() }
    }

    /// Counts what was refused, and its lockout if it is a new one.
    fn count(&self, key: &AttemptKey, lockout: &Lockout, until: Timestamp) {
        if lockout.name == Lockout::PROOF_OF_WORK {
            return;
        }
        logins::refused(lockout.name);
        let whom = self.hasher.hash_one(key);
        if self.known.get(&whom) != Some(until) {
            ::metrics::counter!(LOCKOUTS, "action" => "locked").increment(1);
        }
        self.known.insert(whom, until);
    }
}

#[async_trait]
impl AttemptCounter for CountedAttempts {
    async fn reserve(&self, key: &AttemptKey, lockout: &Lockout, now: Timestamp) -> Result<Reservation, Failure> {
        let reservation = self.inner.reserve(key, lockout, now).await;
        if let Ok(Reservation::Locked { until }) = reservation {
            self.count(key, lockout, until);
        }
        reservation
    }

    async fn locked(&self, key: &AttemptKey, lockout: &Lockout, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
        let locked = self.inner.locked(key, lockout, now).await;
        if let Ok(Some(until)) = locked {
            self.count(key, lockout, until);
        }
        locked
    }

    async fn release(&self, key: &AttemptKey) -> Result<(), Failure> {
        self.inner.release(key).await
    }

    async fn forget(&self, key: &AttemptKey) -> Result<(), Failure> {
        self.inner.forget(key).await
    }

    async fn unlock(&self, target: &Target) -> Result<(), Failure> {
        self.inner.unlock(target).await
    }

    fn forgetting(&self, key: &AttemptKey) -> Option<Change> {
        self.inner.forgetting(key)
    }
}
