//! Attempts, counted in the rows of the store.

use async_trait::async_trait;
use kayan_ports::{AttemptCounter, AttemptKey, Change, Failure, Lockout, Reservation, Target, Timestamp};

use crate::{MemoryStore, rows::Attempts};

#[async_trait]
impl AttemptCounter for MemoryStore {
    async fn reserve(&self, key: &AttemptKey, lockout: &Lockout, now: Timestamp) -> Result<Reservation, Failure> {
        let mut rows = self.rows();
        let attempts = rows.attempts.entry(key.clone()).or_insert(Attempts { failures: 0, last_at: now });
        let until = attempts.last_at + lockout.duration;
        if now >= until {
            attempts.failures = 0;
        }
        if attempts.failures >= lockout.max_failures {
            return Ok(Reservation::Locked { until });
        }
        *attempts = Attempts { failures: attempts.failures + 1, last_at: attempts.last_at.max(now) };
        Ok(Reservation::Reserved)
    }

    async fn locked(&self, key: &AttemptKey, lockout: &Lockout, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
        let rows = self.rows();
        let attempts = rows.attempts.get(key).filter(|attempts| attempts.failures >= lockout.max_failures);
        Ok(attempts.map(|attempts| attempts.last_at + lockout.duration).filter(|until| now < *until))
    }

    async fn release(&self, key: &AttemptKey) -> Result<(), Failure> {
        if let Some(attempts) = self.rows().attempts.get_mut(key) {
            attempts.failures = attempts.failures.saturating_sub(1);
        }
        Ok(())
    }

    async fn forget(&self, _: &AttemptKey) -> Result<(), Failure> {
        Ok(())
    }

    async fn unlock(&self, target: &Target) -> Result<(), Failure> {
        self.rows().attempts.retain(|key, _| key.target != *target);
        Ok(())
    }

    fn forgetting(&self, key: &AttemptKey) -> Option<Change> {
        Some(Change::ForgetAttempts(key.clone()))
    }
}
