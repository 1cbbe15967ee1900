//! When a message that could not be delivered is tried again.

use kayan_ports::Timestamp;
use time::Duration;

/// The waits after the first failures; each later one is the last of them.
const WAITS: [Duration; 4] = [Duration::minutes(1), Duration::minutes(5), Duration::minutes(15), Duration::minutes(60)];

/// How long a message is tried after it came to be.
pub const GIVES_UP_AFTER: Duration = Duration::hours(24);

/// When to try again after this many attempts; `None`: never. Up to a tenth is added to the wait, by `random`, so that
/// messages that failed together don't come back together.
pub fn next_attempt(attempts: u32, created_at: Timestamp, now: Timestamp, random: u32) -> Option<Timestamp> {
    let failed = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let wait = WAITS.get(failed).copied().unwrap_or(Duration::minutes(60));
    let jitter = wait * (f64::from(random) / f64::from(u32::MAX)) / 10;
    let next = now + wait + jitter;
    (next - created_at <= GIVES_UP_AFTER).then_some(next)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const CREATED: Timestamp = datetime!(2026-01-01 12:00 UTC);

    fn minutes(attempts: u32, random: u32) -> Option<i64> {
        next_attempt(attempts, CREATED, CREATED, random).map(|next| (next - CREATED).whole_minutes())
    }

    #[test]
    fn a_message_is_tried_after_1_5_15_and_60_minutes_and_then_hourly() {
        let waits: Vec<_> = (1..=6).map(|attempts| minutes(attempts, 0).unwrap()).collect();
        assert_eq!(waits, [1, 5, 15, 60, 60, 60]);
    }

    #[test]
    fn up_to_a_tenth_is_added_to_a_wait() {
        assert_eq!(minutes(4, u32::MAX), Some(66));
        assert_eq!(minutes(4, u32::MAX / 2), Some(62));
    }

    #[test]
    fn a_message_is_given_up_a_day_after_it_came_to_be() {
        let last = CREATED + GIVES_UP_AFTER - Duration::hours(1);
        assert_eq!(next_attempt(30, CREATED, last, 0), Some(CREATED + GIVES_UP_AFTER));
        assert_eq!(next_attempt(30, CREATED, last + Duration::seconds(1), 0), None);
    }

    #[test]
    fn a_clock_that_was_set_back_gives_no_message_up() {
        let before = CREATED - Duration::days(2);
        assert_eq!(next_attempt(1, CREATED, before, 0), Some(before + Duration::minutes(1)));
    }
}
