//! Compares Redis with a plain model of the port's definition.

use std::{collections::BTreeMap, time::Duration};

use kayan_ports::{Admission, RateLimit, RateLimiter as _, Timestamp};

use crate::server::{counters, shared};

/// The port's definition: whole windows, with the last one's requests spread evenly.
struct Model {
    requests: i64,
    window: i64,
    counts: BTreeMap<i64, i64>,
}

impl Model {
    /// The count at a time: this window's, and the last one's in proportion to its overlap.
    fn weighted(&self, at: i64) -> i64 {
        let (slot, elapsed) = (at.div_euclid(self.window), at.rem_euclid(self.window));
        let count = |slot| self.counts.get(&slot).copied().unwrap_or_default();
        count(slot - 1) * (self.window - elapsed) / self.window + count(slot)
    }

    fn admit(&mut self, now: i64) -> Admission {
        // A clock that is behind counts at the beginning of the last window with a request.
        let latest = self.counts.keys().next_back().map_or(now, |slot| slot * self.window);
        let now = now.max(latest);
        let milliseconds = |number: i64| Duration::from_millis(number.unsigned_abs());
        if self.weighted(now) < self.requests {
            *self.counts.entry(now.div_euclid(self.window)).or_default() += 1;
            let remaining = u32::try_from(self.requests - self.weighted(now)).unwrap();
            let end = (now.div_euclid(self.window) + 2) * self.window;
            return Admission::Admitted { remaining, reset: milliseconds(end - now) };
        }
        let wait = (0..=2 * self.window).find(|wait| self.weighted(now + wait) < self.requests).unwrap();
        Admission::Refused { retry_after: milliseconds(wait) }
    }
}

/// Pseudo-random numbers, the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: u64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % most).cast_signed()
    }
}

#[tokio::test]
async fn every_admission_is_what_the_ports_words_say() {
    let counters = counters(&shared("KAYAN_TEST_REDIS_URL"));
    let folder = tempfile::TempDir::new().unwrap();
    for (requests, window) in [(1_u32, 1_u32), (1, 100), (3, 10), (10, 60_000), (7, 1_000), (50, 997)] {
        let who = format!("{} {requests} {window}", folder.path().display());
        let limit = RateLimit { name: "model", requests, window: Duration::from_millis(window.into()) };
        let mut model = Model { requests: requests.into(), window: window.into(), counts: BTreeMap::new() };
        let mut numbers = Numbers(u64::from(requests) << 32 | u64::from(window));
        let mut clock = 1_767_225_600_000 + numbers.below(1_000_000);
        for step in 0..600 {
            // Mostly a little later, now and then much later, and sometimes by a clock that is behind.
            let now = match numbers.below(20) {
                0 => clock - numbers.below(3 * u64::from(window)),
                1 => clock + numbers.below(3 * u64::from(window)),
                _ => clock + numbers.below(u64::from(window) / u64::from(requests) + 2),
            };
            clock = clock.max(now);
            let at = Timestamp::from_unix_timestamp_nanos(i128::from(now) * 1_000_000 + 999_999).unwrap();
            let outcome = counters.admit(&limit, &who, at).await.unwrap();
            assert_eq!(outcome, model.admit(now), "step {step} of {requests} in {window} ms, at {now}");
        }
    }
}
