//! Counts elsewhere while the shared counter is unavailable, so that no request waits for it or fails because of it.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use async_trait::async_trait;
use kayan_ports::{
    Admission, AttemptCounter, AttemptKey, Change, Failure, Lockout, RateLimit, RateLimiter, Reservation, Target,
    Timestamp, timestamp,
};
use time::Duration;

/// How long a counter that failed is not tried again.
const RETRY_AFTER: Duration = Duration::SECOND;

/// A shared counter, and another one that replaces it while it fails.
pub struct Fallback<T: ?Sized> {
    shared: Arc<T>,
    other: Arc<T>,
    /// Until when the shared counter is not tried, in microseconds since 1970; 0: it answered last time.
    away_until: AtomicI64,
}

impl<T: ?Sized> Fallback<T> {
    /// Uses `shared`, and `other` while that one fails.
    pub fn new(shared: Arc<T>, other: Arc<T>) -> Self {
        Self { shared, other, away_until: AtomicI64::new(0) }
    }

    fn is_away(&self, now: Timestamp) -> bool {
        timestamp::micros(now) < self.away_until.load(Ordering::Relaxed)
    }

    /// The answer of the shared counter; `None` when the other one must be used.
    fn heard<A>(&self, answer: Result<A, Failure>, now: Timestamp) -> Option<A> {
        match answer {
            Ok(answer) => {
                if self.away_until.swap(0, Ordering::Relaxed) != 0 {
                    tracing::info!("the shared counter is available again");
                }
                Some(answer)
            }
            Err(error) => {
                if self.away_until.swap(timestamp::micros(now + RETRY_AFTER), Ordering::Relaxed) == 0 {
                    tracing::warn!(%error, "the shared counter is unavailable; until it is back, each replica counts by itself");
                }
                None
            }
        }
    }
}

#[async_trait]
impl RateLimiter for Fallback<dyn RateLimiter> {
    async fn admit(&self, limit: &RateLimit, who: &str, now: Timestamp) -> Result<Admission, Failure> {
        if !self.is_away(now)
            && let Some(admission) = self.heard(self.shared.admit(limit, who, now).await, now)
        {
            return Ok(admission);
        }
        self.other.admit(limit, who, now).await
    }
}

#[async_trait]
impl AttemptCounter for Fallback<dyn AttemptCounter> {
    async fn reserve(&self, key: &AttemptKey, lockout: &Lockout, now: Timestamp) -> Result<Reservation, Failure> {
        if !self.is_away(now)
            && let Some(reservation) = self.heard(self.shared.reserve(key, lockout, now).await, now)
        {
            return Ok(reservation);
        }
        self.other.reserve(key, lockout, now).await
    }

    async fn locked(&self, key: &AttemptKey, lockout: &Lockout, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
        if !self.is_away(now)
            && let Some(locked) = self.heard(self.shared.locked(key, lockout, now).await, now)
        {
            return Ok(locked);
        }
        self.other.locked(key, lockout, now).await
    }

    async fn release(&self, key: &AttemptKey) -> Result<(), Failure> {
        if self.away_until.load(Ordering::Relaxed) == 0 {
            self.shared.release(key).await
        } else {
            self.other.release(key).await
        }
    }

    async fn forget(&self, key: &AttemptKey) -> Result<(), Failure> {
        self.other.forget(key).await?;
        if self.away_until.load(Ordering::Relaxed) == 0 { self.shared.forget(key).await } else { Ok(()) }
    }

    async fn unlock(&self, target: &Target) -> Result<(), Failure> {
        self.other.unlock(target).await?;
        self.shared.unlock(target).await
    }

    fn forgetting(&self, key: &AttemptKey) -> Option<Change> {
        self.other.forgetting(key)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use kayan_ports::Clock;

    use super::*;
    use crate::MemoryLimiter;
    use kayan_fakes::ManualClock;

    const LIMIT: RateLimit = RateLimit { name: "ip", requests: 2, window: std::time::Duration::from_mins(1) };

    /// Unavailable for the first `failing` calls.
    struct Away {
        asked: AtomicU32,
        failing: u32,
        inner: MemoryLimiter,
    }

    #[async_trait]
    impl RateLimiter for Away {
        async fn admit(&self, limit: &RateLimit, who: &str, now: Timestamp) -> Result<Admission, Failure> {
            if self.asked.fetch_add(1, Ordering::Relaxed) < self.failing {
                return Err(Failure::Unavailable("away".to_owned()));
            }
            self.inner.admit(limit, who, now).await
        }
    }

    fn fallback(failing: u32) -> (Arc<Away>, Fallback<dyn RateLimiter>, ManualClock) {
        let away = Arc::new(Away { asked: AtomicU32::new(0), failing, inner: MemoryLimiter::new() });
        let limiter = Fallback::<dyn RateLimiter>::new(away.clone(), Arc::new(MemoryLimiter::new()));
        (away, limiter, ManualClock::default())
    }

    #[tokio::test]
    async fn limits_hold_while_the_shared_counter_is_away() {
        let (_, limiter, clock) = fallback(u32::MAX);
        for _ in 0..LIMIT.requests {
            assert!(matches!(limiter.admit(&LIMIT, "a", clock.now()).await, Ok(Admission::Admitted { .. })));
        }
        assert!(matches!(limiter.admit(&LIMIT, "a", clock.now()).await, Ok(Admission::Refused { .. })));
    }

    #[tokio::test]
    async fn a_counter_that_failed_is_left_alone_for_a_second_and_then_asked_again() {
        let (away, limiter, clock) = fallback(1);
        for _ in 0..3 {
            limiter.admit(&LIMIT, "a", clock.now()).await.unwrap();
        }
        assert_eq!(away.asked.load(Ordering::Relaxed), 1);
        clock.advance(RETRY_AFTER);
        for asked in 2..4 {
            limiter.admit(&LIMIT, "a", clock.now()).await.unwrap();
            assert_eq!(away.asked.load(Ordering::Relaxed), asked);
        }
    }
}
