//! Rate limits inside one process: two counts for each who was seen lately, and no more than so many of them.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use async_trait::async_trait;
use kayan_ports::{Admission, CountError, RateLimit, RateLimiter, Timestamp};
use parking_lot::Mutex;
use quick_cache::sync::Cache;

/// So many are counted at once, about a hundred bytes each. Whoever was not seen for longest makes room.
const CAPACITY: usize = 100_000;
/// So many locks keep those apart who come at the same moment.
const LOCKS: usize = 64;

/// A process's own rate limits.
pub struct MemoryLimiter {
    counts: Cache<(&'static str, Box<str>), Counts>,
    locks: Vec<Mutex<()>>,
    hasher: RandomState,
}

/// What was counted in a window and in the one before it.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    /// Which window, counted from 1970.
    window: u64,
    now: u64,
    before: u64,
}

impl Default for MemoryLimiter {
    fn default() -> Self {
        let locks = (0..LOCKS).map(|_| Mutex::default()).collect();
        Self { counts: Cache::new(CAPACITY), locks, hasher: RandomState::new() }
    }
}

impl MemoryLimiter {
    /// Nobody was counted yet.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl RateLimiter for MemoryLimiter {
    async fn admit(&self, limit: &RateLimit, who: &str, now: Timestamp) -> Result<Admission, CountError> {
        let key = (limit.name, Box::from(who));
        let at = usize::try_from(self.hasher.hash_one(&key)).unwrap_or_default() % LOCKS;
        let _alone = self.locks.get(at).map(Mutex::lock);
        let mut counts = self.counts.get(&key).unwrap_or_default();
        let admission = counts.admit(limit, now);
        if matches!(admission, Admission::Admitted { .. }) {
            self.counts.insert(key, counts);
        }
        Ok(admission)
    }
}

impl Counts {
    fn admit(&mut self, limit: &RateLimit, now: Timestamp) -> Admission {
        let length = u64::try_from(limit.window.as_millis()).unwrap_or(u64::MAX).max(1);
        let now = u64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or_default();
        let passed = self.turn_to(now / length, now % length);
        let allowed = u64::from(limit.requests);
        let used = reaching(self.before, length, length - passed) + self.now;
        if used < allowed {
            self.now += 1;
            let remaining = u32::try_from(allowed - used - 1).unwrap_or(u32::MAX);
            return Admission::Admitted { remaining, reset: Duration::from_millis(2 * length - passed) };
        }
        let wait = match allowed.checked_sub(self.now + 1) {
            Some(room) => until(self.before, length, room) - passed,
            None => length - passed + until(self.now, length, allowed.saturating_sub(1)),
        };
        Admission::Refused { retry_after: Duration::from_millis(wait) }
    }

    /// Moves on to a window, never back, and says how much of it has passed.
    fn turn_to(&mut self, window: u64, passed: u64) -> u64 {
        if window < self.window {
            return 0;
        }
        if window > self.window {
            let before = if window == self.window + 1 { self.now } else { 0 };
            *self = Self { window, now: 0, before };
        }
        passed
    }
}

/// How many of `count` requests in a window reach into one that shares `overlap` milliseconds with it.
fn reaching(count: u64, length: u64, overlap: u64) -> u64 {
    u64::try_from(u128::from(count) * u128::from(overlap) / u128::from(length)).unwrap_or(u64::MAX)
}

/// How far into a window at most `room` of `count` requests of the one before reach into it.
fn until(count: u64, length: u64, room: u64) -> u64 {
    if count <= room {
        return 0;
    }
    // The overlap must be below this.
    let overlap = (u128::from(room) + 1) * u128::from(length);
    let most = (overlap - 1) / u128::from(count.max(1));
    length.saturating_sub(u64::try_from(most).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_the_shortest_that_helps() {
        for length in [1, 7, 60_000] {
            for count in 0..40 {
                for room in 0..40 {
                    let wait = until(count, length, room);
                    assert!(reaching(count, length, length - wait) <= room);
                    assert!(wait == 0 || reaching(count, length, length - wait + 1) > room, "{count} {room} {wait}");
                }
            }
        }
    }

    #[test]
    fn a_flood_of_strangers_does_not_fill_the_memory() {
        let limiter = MemoryLimiter::new();
        for number in 0..CAPACITY + 1000 {
            limiter.counts.insert(("ip", number.to_string().into()), Counts::default());
        }
        assert!(limiter.counts.len() <= CAPACITY);
    }
}
