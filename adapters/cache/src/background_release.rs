//! Releases attempts in the background.

use std::sync::Arc;

use async_trait::async_trait;
use kayan_ports::{AttemptCounter, AttemptKey, Change, Failure, Lockout, Reservation, Target, Timestamp};

/// A counter that releases attempts in the background.
///
/// An attempt is usually released because a part of the service is unavailable, often the counter itself. A client that
/// has waited for it once must not wait for it again before it gets its answer. Needs a tokio runtime.
pub struct BackgroundRelease(Arc<dyn AttemptCounter>);

impl BackgroundRelease {
    /// Counts with `counter`.
    pub fn new(counter: Arc<dyn AttemptCounter>) -> Self {
        Self(counter)
    }
}

#[async_trait]
impl AttemptCounter for BackgroundRelease {
    async fn reserve(&self, key: &AttemptKey, lockout: &Lockout, now: Timestamp) -> Result<Reservation, Failure> {
        self.0.reserve(key, lockout, now).await
    }

    async fn locked(&self, key: &AttemptKey, lockout: &Lockout, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
        self.0.locked(key, lockout, now).await
    }

    async fn release(&self, key: &AttemptKey) -> Result<(), Failure> {
        let (counter, key) = (self.0.clone(), key.clone());
        tokio::spawn(async move {
            if let Err(error) = counter.release(&key).await {
                tracing::debug!(%error, "an attempt without a verdict could not be released and stays counted");
            }
        });
        Ok(())
    }

    async fn forget(&self, key: &AttemptKey) -> Result<(), Failure> {
        self.0.forget(key).await
    }

    async fn unlock(&self, target: &Target) -> Result<(), Failure> {
        self.0.unlock(target).await
    }

    fn forgetting(&self, key: &AttemptKey) -> Option<Change> {
        self.0.forgetting(key)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kayan_ports::{Clock, TenantId};
    use tokio::{
        sync::{Notify, mpsc},
        time::timeout,
    };

    use super::*;
    use kayan_fakes::ManualClock;

    /// Answers only when told to.
    struct Frozen {
        thaw: Notify,
        released: mpsc::UnboundedSender<AttemptKey>,
    }

    #[async_trait]
    impl AttemptCounter for Frozen {
        async fn reserve(&self, _: &AttemptKey, _: &Lockout, now: Timestamp) -> Result<Reservation, Failure> {
            Ok(Reservation::Locked { until: now })
        }

        async fn locked(&self, _: &AttemptKey, _: &Lockout, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
            Ok(Some(now))
        }

        async fn release(&self, key: &AttemptKey) -> Result<(), Failure> {
            self.thaw.notified().await;
            self.released.send(key.clone()).map_err(|error| Failure::Unavailable(error.to_string()))
        }

        async fn forget(&self, _: &AttemptKey) -> Result<(), Failure> {
            Err(Failure::Unavailable("forget".to_owned()))
        }

        async fn unlock(&self, _: &Target) -> Result<(), Failure> {
            Err(Failure::Unavailable("unlock".to_owned()))
        }

        fn forgetting(&self, _: &AttemptKey) -> Option<Change> {
            None
        }
    }

    fn key() -> AttemptKey {
        AttemptKey { target: Target { tenant: TenantId::default(), identifier: [7; 32] }, known_origin: None }
    }

    fn releasing() -> (BackgroundRelease, Arc<Frozen>, mpsc::UnboundedReceiver<AttemptKey>) {
        let (released, hears) = mpsc::unbounded_channel();
        let frozen = Arc::new(Frozen { thaw: Notify::new(), released });
        (BackgroundRelease::new(frozen.clone()), frozen, hears)
    }

    #[tokio::test]
    async fn i_10_an_attempt_is_given_back_though_nobody_waits_for_it() {
        let (counter, frozen, mut hears) = releasing();
        counter.release(&key()).await.unwrap();
        assert!(hears.try_recv().is_err(), "the counter stands still");
        frozen.thaw.notify_one();
        let released = timeout(Duration::from_secs(10), hears.recv()).await.unwrap();
        assert_eq!(released, Some(key()));
    }

    #[tokio::test]
    async fn everything_else_is_the_counters_own_answer() {
        let (counter, _, _) = releasing();
        let now = ManualClock::default().now();
        let lockout = Lockout { name: "login", max_failures: 1, duration: Duration::from_secs(1) };
        assert_eq!(counter.reserve(&key(), &lockout, now).await, Ok(Reservation::Locked { until: now }));
        assert_eq!(counter.locked(&key(), &lockout, now).await, Ok(Some(now)));
        assert_eq!(counter.forget(&key()).await, Err(Failure::Unavailable("forget".to_owned())));
        assert_eq!(counter.unlock(&key().target).await, Err(Failure::Unavailable("unlock".to_owned())));
        assert!(counter.forgetting(&key()).is_none());
    }
}
