//! The arithmetic of a sliding window, in whole milliseconds.

use std::time::Duration;

use crate::{Admission, RateLimit, Timestamp};

/// The longest window, in milliseconds: a hundred years, far below where a double loses precision.
const LONGEST: u64 = 100 * 366 * 24 * 60 * 60 * 1_000;

/// The counts of one limit and client at a moment, as [`RateLimiter`](crate::RateLimiter) defines them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// How many requests are allowed, 1 at least.
    pub requests: u64,
    /// The length of a window: 1 at least, at most a hundred years.
    pub length: u64,
    /// When this window began: a multiple of `length`, counted from 1970, negative before.
    pub begin: i64,
    /// How much of this window has passed: less than `length`.
    pub elapsed: u64,
    /// How many were counted in this window.
    pub current: u64,
    /// How many were counted in the last one.
    pub previous: u64,
}

impl Window {
    /// The window of `limit` that contains `now`, with no requests counted.
    pub fn at(limit: &RateLimit, now: Timestamp) -> Self {
        let length = u64::try_from(limit.window.as_millis()).unwrap_or(LONGEST).clamp(1, LONGEST);
        // What does not fit would be year ±292 million, which no `Timestamp` reaches.
        let now = i64::try_from(now.unix_timestamp_nanos().div_euclid(1_000_000)).unwrap_or_default();
        let elapsed = now.rem_euclid(length.cast_signed());
        Self {
            requests: limit.requests.into(),
            length,
            begin: now - elapsed,
            elapsed: elapsed.cast_unsigned(),
            current: 0,
            previous: 0,
        }
    }

    /// Whether one more request is admitted.
    pub fn has_room(&self) -> bool {
        self.weighted() < self.requests
    }

    /// The weighted count at this moment.
    fn weighted(&self) -> u64 {
        reaching(self.previous, self.elapsed, self.length).saturating_add(self.current)
    }

    /// The decision on a request that was just counted in `current`.
    pub fn admitted(&self) -> Admission {
        let remaining = self.requests.saturating_sub(self.weighted());
        let reset = self.length.saturating_mul(2).saturating_sub(self.elapsed);
        Admission::Admitted {
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            reset: Duration::from_millis(reset),
        }
    }

    /// The decision on a request that was not counted because it is over the limit.
    pub fn refused(&self) -> Admission {
        let wait = match self.requests.checked_sub(self.current.saturating_add(1)) {
            // Enough of the last window's requests will no longer count before this window ends, or at its end.
            Some(room) => fading(self.previous, self.length, room).saturating_sub(self.elapsed),
            // This window is full, so that some of its own requests must stop counting in the next one.
            None => (self.length - self.elapsed).saturating_add(fading(
                self.current,
                self.length,
                self.requests.saturating_sub(1),
            )),
        };
        Admission::Refused { retry_after: Duration::from_millis(wait) }
    }
}

/// How many of a past window's `count` still count when `elapsed` of the next window has passed.
fn reaching(count: u64, elapsed: u64, length: u64) -> u64 {
    let reaching = u128::from(count) * u128::from(length.saturating_sub(elapsed)) / u128::from(length.max(1));
    u64::try_from(reaching).unwrap_or(u64::MAX)
}

/// How far into the next window at most `room` of a past window's `count` still count.
fn fading(count: u64, length: u64, room: u64) -> u64 {
    if count <= room {
        return 0;
    }
    // The largest rest of the window with count × rest < (room + 1) × length.
    let rest = ((u128::from(room) + 1) * u128::from(length)).div_ceil(u128::from(count)).saturating_sub(1);
    length.saturating_sub(u64::try_from(rest).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(window: Duration) -> RateLimit {
        RateLimit { name: "ip", requests: 10, window }
    }

    fn at(nanoseconds: i128) -> Timestamp {
        Timestamp::from_unix_timestamp_nanos(nanoseconds).unwrap()
    }

    #[test]
    fn windows_begin_at_multiples_of_their_length_since_1970_and_before() {
        for (now, expected) in [
            (at(0), (0, 0)),
            (at(59_999_999_999), (0, 59_999)),
            (at(60_000_000_000), (60_000, 0)),
            (at(-1), (-60_000, 59_999)),
            (at(-60_000_000_000), (-60_000, 0)),
        ] {
            let window = Window::at(&limit(Duration::from_mins(1)), now);
            assert_eq!((window.begin, window.elapsed), expected, "{now}");
        }
    }

    #[test]
    fn a_window_is_at_least_a_millisecond_and_at_most_a_hundred_years() {
        let length = |window| Window::at(&limit(window), at(0)).length;
        assert_eq!(length(Duration::from_micros(10)), 1);
        assert_eq!(length(Duration::from_mins(1)), 60_000);
        assert_eq!(length(Duration::MAX), LONGEST);
    }

    /// Computes the same as the port defines it: advances by the millisecond until one more is admitted.
    fn waited(from: Window) -> u64 {
        (0..=2 * from.length).find(|wait| later(from, *wait).has_room()).unwrap()
    }

    fn later(from: Window, wait: u64) -> Window {
        let at = from.elapsed + wait;
        let elapsed = at % from.length;
        match at / from.length {
            0 => Window { elapsed, ..from },
            1 => Window { elapsed, current: 0, previous: from.current, ..from },
            _ => Window { elapsed, current: 0, previous: 0, ..from },
        }
    }

    #[test]
    fn a_refused_request_waits_for_the_first_millisecond_that_admits_one() {
        for (requests, length) in [(1, 1), (1, 2), (1, 7), (2, 5), (3, 10), (4, 3), (5, 100), (9, 4)] {
            let counts =
                (0..=requests + 2).flat_map(|previous| (0..=requests + 2).map(move |current| (previous, current)));
            let all = counts.flat_map(|(previous, current)| {
                (0..length).map(move |elapsed| Window { requests, length, begin: 0, elapsed, current, previous })
            });
            for window in all.filter(|window| !window.has_room()) {
                let retry_after = Duration::from_millis(waited(window));
                assert_eq!(window.refused(), Admission::Refused { retry_after }, "{window:?}");
            }
        }
    }

    #[test]
    fn the_wait_is_the_shortest_that_helps() {
        for length in [1, 7, 60_000] {
            for count in 0..40 {
                for room in 0..40 {
                    let wait = fading(count, length, room);
                    assert!(reaching(count, wait, length) <= room);
                    assert!(wait == 0 || reaching(count, wait - 1, length) > room, "{count} {room} {wait}");
                }
            }
        }
    }

    #[test]
    fn what_remains_is_what_would_be_admitted_at_once() {
        let window = Window { requests: 10, length: 60_000, begin: 0, elapsed: 15_000, current: 3, previous: 8 };
        let reset = Duration::from_secs(105);
        assert_eq!(window.admitted(), Admission::Admitted { remaining: 1, reset });
        let over = Window { previous: 100, ..window };
        assert_eq!(over.admitted(), Admission::Admitted { remaining: 0, reset });
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let (requests, length) = (u64::from(u32::MAX), u64::MAX);
        let window = Window { requests, length, begin: 0, elapsed: 0, current: requests, previous: requests };
        assert!(matches!(window.refused(), Admission::Refused { retry_after } if retry_after > Duration::from_secs(1)));
        assert!(matches!(window.admitted(), Admission::Admitted { remaining: 0, .. }));
    }
}
