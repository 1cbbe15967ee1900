//! How audit events are dated when the clock was put back: on from the newest moment that was reached, never behind a seal.

use kayan_ports::Timestamp;
use time::Duration;

/// Clocks of replicas, and of threads that wait for each other, differ by less.
const TOLERANCE: Duration = Duration::seconds(10);
/// A clock that was put back further is worth telling of.
const WORTH_TELLING: Duration = Duration::MINUTE;

/// Knows how far the dates have come, and by how much the clock is behind them.
///
/// While the clock is right, events have its time. Once it has been put back, events are dated on from the newest moment
/// that was reached, at three quarters of the clock's speed, so that the clock catches up in the end. Seals end a minute
/// before that moment, so no event is dated into a stretch that is sealed already.
#[derive(Debug)]
pub(crate) struct Dating {
    /// The newest moment that was reached.
    newest: Timestamp,
    /// While the clock is behind: the latest that it has shown since.
    behind: Option<Timestamp>,
    /// The furthest that the clock was put back since this was last asked for.
    put_back: Duration,
}

impl Default for Dating {
    fn default() -> Self {
        Self { newest: Timestamp::UNIX_EPOCH, behind: None, put_back: Duration::ZERO }
    }
}

impl Dating {
    /// How much later than the clock, which shows `clock` now, an event is to be dated, in whole microseconds; zero while
    /// the clock is right.
    pub(crate) fn ahead(&mut self, clock: Timestamp) -> Duration {
        let latest = self.behind.unwrap_or(self.newest);
        if clock < latest.saturating_sub(TOLERANCE) {
            self.put_back = self.put_back.max(latest - clock);
            self.behind = Some(clock);
        }
        if let Some(latest) = &mut self.behind {
            // What is more than a step was no time that passed: the clock was set forward.
            let step = (clock - *latest).clamp(Duration::ZERO, TOLERANCE);
            *latest = clock.max(*latest);
            self.newest = self.newest.saturating_add(step * 3 / 4);
            if clock < self.newest {
                let ahead = (self.newest - clock).whole_microseconds();
                return Duration::microseconds(i64::try_from(ahead).unwrap_or(i64::MAX));
            }
            self.behind = None;
        }
        self.newest = self.newest.max(clock);
        Duration::ZERO
    }

    /// Takes it that dates have come to `reached`, as the seals in the database show, whatever the clock says.
    pub(crate) fn learn(&mut self, reached: Timestamp, clock: Timestamp) {
        let date = clock.saturating_add(self.ahead(clock));
        if date >= reached.saturating_sub(TOLERANCE) {
            return;
        }
        if self.behind.is_none() {
            self.put_back = self.put_back.max(reached - clock);
            self.behind = Some(clock);
        }
        self.newest = reached;
    }

    /// The furthest that the clock was put back since this was last asked, if that was more than a minute.
    pub(crate) fn take_put_back(&mut self) -> Option<Duration> {
        Some(std::mem::take(&mut self.put_back)).filter(|by| *by > WORTH_TELLING)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOON: Timestamp = datetime!(2026-01-01 12:00 UTC);
    const HOUR: Duration = Duration::HOUR;

    fn at_noon() -> Dating {
        let mut dating = Dating::default();
        assert_eq!(dating.ahead(NOON), Duration::ZERO);
        dating
    }

    #[test]
    fn a_clock_that_goes_on_or_back_by_seconds_dates_events_itself() {
        let mut dating = at_noon();
        for clock in [NOON + HOUR, NOON + HOUR - TOLERANCE, NOON + 48 * HOUR] {
            assert_eq!(dating.ahead(clock), Duration::ZERO);
        }
        assert_eq!(dating.take_put_back(), None);
    }

    /// Looks at the clock every five seconds from one moment to another; what it then is ahead by.
    fn run(dating: &mut Dating, from: Timestamp, to: Timestamp) -> Duration {
        let mut clock = from;
        while clock < to {
            clock += Duration::seconds(5);
            dating.ahead(clock);
        }
        dating.ahead(clock)
    }

    #[test]
    fn dates_go_on_from_where_the_clock_was_put_back_until_it_has_caught_up() {
        let mut dating = at_noon();
        let back = NOON - HOUR;
        assert_eq!(dating.ahead(back), HOUR, "the date is noon");
        let later = back + Duration::minutes(4);
        assert_eq!(run(&mut dating, back, later), HOUR - Duration::minutes(1), "three minutes past noon");
        assert_eq!(run(&mut dating, later, back + 4 * HOUR), Duration::ZERO, "it has caught up");
        assert_eq!(dating.ahead(back + 5 * HOUR), Duration::ZERO);
        assert_eq!(dating.take_put_back(), Some(HOUR));
        assert_eq!(dating.take_put_back(), None, "it is told once");
    }

    #[test]
    fn dates_are_whole_microseconds() {
        let mut dating = at_noon();
        for micros in 0..50 {
            let clock = NOON - HOUR + Duration::microseconds(micros);
            assert_eq!((clock + dating.ahead(clock)).nanosecond() % 1_000, 0);
        }
    }

    #[test]
    fn a_clock_that_is_set_right_again_dates_events_itself_at_once() {
        let mut dating = at_noon();
        assert_eq!(dating.ahead(NOON - HOUR), HOUR);
        assert_eq!(dating.ahead(NOON + Duration::MINUTE), Duration::ZERO);
    }

    #[test]
    fn a_clock_that_is_put_back_twice_dates_no_event_back() {
        let mut dating = at_noon();
        let mut last = NOON;
        for clock in [NOON - HOUR, NOON - HOUR / 2, NOON - 3 * HOUR, NOON - 2 * HOUR, NOON - 4 * HOUR] {
            let date = clock + dating.ahead(clock);
            assert!(date >= last, "{date} comes before {last}");
            last = date;
        }
        assert_eq!(dating.take_put_back(), Some(HOUR * 5 / 2));
    }

    #[test]
    fn a_clock_that_was_put_back_before_the_start_is_known_by_the_seals() {
        let mut dating = Dating::default();
        dating.learn(NOON, NOON - HOUR);
        assert_eq!(dating.take_put_back(), Some(HOUR));
        assert_eq!(dating.ahead(NOON - HOUR), HOUR);
        dating.learn(NOON, NOON - HOUR + Duration::MINUTE);
        assert_eq!(dating.take_put_back(), None, "it is known already");
        // Another replica, whose clock is right, has sealed meanwhile.
        dating.learn(NOON + HOUR, NOON);
        assert_eq!(dating.ahead(NOON), HOUR);
    }

    #[test]
    fn seals_that_the_clock_is_not_behind_change_nothing() {
        let mut dating = Dating::default();
        dating.learn(NOON - HOUR, NOON);
        assert_eq!((dating.ahead(NOON), dating.take_put_back()), (Duration::ZERO, None));
    }

    #[test]
    fn the_end_of_time_is_no_panic() {
        let mut dating = Dating::default();
        let last = datetime!(9999-12-31 23:59:59.999999 UTC);
        dating.learn(last, NOON);
        let clock: Timestamp = NOON + 48 * HOUR;
        assert!(clock.checked_add(dating.ahead(clock)).is_some());
    }
}
