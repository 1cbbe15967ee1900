//! A clock that stands still until it is moved.

use std::ops::Add;

use kayan_ports::{Clock, Timestamp};
use parking_lot::Mutex;
use time::macros::datetime;

/// A clock for tests: it shows what it was set to. Starts at 2026-01-01 00:00:00 UTC unless told otherwise.
#[derive(Debug)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// A clock that shows `start`, cut to whole microseconds.
    pub fn new(start: Timestamp) -> Self {
        Self(Mutex::new(whole_microseconds(start)))
    }

    /// Moves the hands to `to`, forwards or backwards.
    pub fn set(&self, to: Timestamp) {
        *self.0.lock() = whole_microseconds(to);
    }

    /// Moves the hands on by a `std::time::Duration`, or by a `time::Duration`, which may be negative.
    pub fn advance<D>(&self, by: D)
    where
        Timestamp: Add<D, Output = Timestamp>,
    {
        let mut now = self.0.lock();
        *now = whole_microseconds(*now + by);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new(datetime!(2026-01-01 00:00 UTC))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock()
    }
}

fn whole_microseconds(at: Timestamp) -> Timestamp {
    let at = at.to_offset(time::UtcOffset::UTC);
    at.replace_microsecond(at.microsecond()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_still_until_it_is_moved() {
        let clock = ManualClock::default();
        let start = clock.now();
        assert_eq!(clock.now(), start);
        clock.advance(std::time::Duration::from_secs(90));
        assert_eq!(clock.now(), start + time::Duration::seconds(90));
        clock.advance(time::Duration::seconds(-90));
        assert_eq!(clock.now(), start);
    }

    #[test]
    fn it_shows_whole_microseconds_in_utc() {
        let clock = ManualClock::new(datetime!(2026-03-04 05:06:07.123456789 +2));
        assert_eq!(clock.now(), datetime!(2026-03-04 03:06:07.123456 UTC));
        assert!(clock.now().offset().is_utc());
        clock.advance(std::time::Duration::from_nanos(1_999));
        assert_eq!(clock.now().nanosecond(), 123_457_000);
    }
}
