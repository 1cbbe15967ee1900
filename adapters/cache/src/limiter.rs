//! Rate limits within one process: two counts for each recent client, and a bounded number of clients.

use std::hash::{BuildHasher, RandomState};

use async_trait::async_trait;
use kayan_ports::{Admission, Failure, RateLimit, RateLimiter, Timestamp, Window};
use parking_lot::Mutex;
use quick_cache::sync::Cache;

/// How many clients are counted at once, about a hundred bytes each. The least recent one is evicted.
const CAPACITY: usize = 100_000;
/// How many locks the clients are spread over.
const LOCKS: usize = 64;

/// The rate limits of one process.
pub struct MemoryLimiter {
    counts: Cache<(&'static str, Box<str>), Counts>,
    locks: Vec<Mutex<()>>,
    hasher: RandomState,
}

/// The counts of a window and of the one before it.
#[derive(Debug, Clone, Copy)]
struct Counts {
    /// When the window began.
    begin: i64,
    current: u64,
    previous: u64,
}

impl Default for MemoryLimiter {
    fn default() -> Self {
        let locks = (0..LOCKS).map(|_| Mutex::default()).collect();
        Self { counts: Cache::new(CAPACITY), locks, hasher: RandomState::new() }
    }
}

impl MemoryLimiter {
    /// A limiter without counts.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl RateLimiter for MemoryLimiter {
    async fn admit(&self, limit: &RateLimit, who: &str, now: Timestamp) -> Result<Admission, Failure> {
        let key = (limit.name, Box::from(who));
        let at = usize::try_from(self.hasher.hash_one(&key)).unwrap_or_default() % LOCKS;
        let _alone = self.locks.get(at).map(Mutex::lock);
        let mut window = Window::at(limit, now);
        if let Some(counts) = self.counts.get(&key) {
            counts.fill(&mut window);
        }
        if !window.has_room() {
            return Ok(window.refused());
        }
        window.current += 1;
        let Window { begin, current, previous, .. } = window;
        self.counts.insert(key, Counts { begin, current, previous });
        Ok(window.admitted())
    }
}

impl Counts {
    /// Copies the counts into a window. Counts of a later window win: another process's clock is ahead of this one.
    fn fill(self, window: &mut Window) {
        if self.begin > window.begin {
            (window.begin, window.elapsed) = (self.begin, 0);
        }
        if self.begin == window.begin {
            (window.current, window.previous) = (self.current, self.previous);
        } else if self.begin.saturating_add_unsigned(window.length) == window.begin {
            window.previous = self.current;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_strangers_does_not_fill_the_memory() {
        let limiter = MemoryLimiter::new();
        for number in 0..CAPACITY + 1000 {
            limiter.counts.insert(("ip", number.to_string().into()), Counts { begin: 0, current: 1, previous: 0 });
        }
        assert!(limiter.counts.len() <= CAPACITY);
    }
}
