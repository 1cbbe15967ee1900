//! The arithmetic of a sliding window, in whole milliseconds.

use std::time::Duration;

use kayan_ports::Admission;

/// What is known of a name and somebody at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// How many requests are admitted, 1 at least.
    pub(crate) requests: u64,
    /// How long a window is, 1 at least.
    pub(crate) length: u64,
    /// How much of this window is over: less than `length`.
    pub(crate) elapsed: u64,
    /// How many were counted in this window.
    pub(crate) current: u64,
    /// How many were counted in the last one.
    pub(crate) previous: u64,
}

impl Window {
    /// What counts now.
    fn weighted(&self) -> u64 {
        reaching(self.previous, self.elapsed, self.length).saturating_add(self.current)
    }

    /// What to say to a request that was just counted in `current`.
    pub(crate) fn admitted(&self) -> Admission {
        let remaining = self.requests.saturating_sub(self.weighted());
        let reset = self.length.saturating_mul(2).saturating_sub(self.elapsed);
        Admission::Admitted {
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            reset: Duration::from_millis(reset),
        }
    }

    /// What to say to a request that was not counted because it would be too many.
    pub(crate) fn refused(&self) -> Admission {
        let wait = match self.requests.checked_sub(self.current.saturating_add(1)) {
            // Enough of the last window's will have gone before this one is over, or at its end.
            Some(room) => fading(self.previous, self.length, room).saturating_sub(self.elapsed),
            // This window is full, so that some of its own must have gone in the next.
            None => (self.length - self.elapsed).saturating_add(fading(
                self.current,
                self.length,
                self.requests.saturating_sub(1),
            )),
        };
        Admission::Refused { retry_after: Duration::from_millis(wait) }
    }
}

/// How many of a past window's `count` reach into one that ends `elapsed` into the next window.
fn reaching(count: u64, elapsed: u64, length: u64) -> u64 {
    let reaching = u128::from(count) * u128::from(length.saturating_sub(elapsed)) / u128::from(length.max(1));
    u64::try_from(reaching).unwrap_or(u64::MAX)
}

/// How long into the next window at most `room` of a past window's `count` still reach.
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

    /// The same, as the port tells it: time goes on by the millisecond until one more is admitted.
    fn waited(from: Window) -> u64 {
        (0..=2 * from.length).find(|wait| later(from, *wait).weighted() < from.requests).unwrap()
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
                (0..length).map(move |elapsed| Window { requests, length, elapsed, current, previous })
            });
            for window in all.filter(|window| window.weighted() >= requests) {
                let retry_after = Duration::from_millis(waited(window));
                assert_eq!(window.refused(), Admission::Refused { retry_after }, "{window:?}");
            }
        }
    }

    #[test]
    fn what_remains_is_what_would_be_admitted_at_once() {
        let window = Window { requests: 10, length: 60_000, elapsed: 15_000, current: 3, previous: 8 };
        let reset = Duration::from_secs(105);
        assert_eq!(window.admitted(), Admission::Admitted { remaining: 1, reset });
        let over = Window { previous: 100, ..window };
        assert_eq!(over.admitted(), Admission::Admitted { remaining: 0, reset });
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let (requests, length) = (u64::from(u32::MAX), u64::MAX);
        let window = Window { requests, length, elapsed: 0, current: requests, previous: requests };
        assert!(matches!(window.refused(), Admission::Refused { retry_after } if retry_after > Duration::from_secs(1)));
        assert!(matches!(window.admitted(), Admission::Admitted { remaining: 0, .. }));
    }
}
