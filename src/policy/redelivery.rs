//! When a message that could not be delivered is tried again.

use kayan_ports::Timestamp;
use time::Duration;

/// The waits after the first failures; each later one is the last of them.
const WAITS: [Duration; 4] = [Duration::minutes(1), Duration::minutes(5), Duration::minutes(15), Duration::minutes(60)];

/// After this many attempts a message is given up: those that fit into a day. They are counted, not timed, so that a message
/// has them all when an operator retries it, and after a day on which no worker ran.
pub const ATTEMPTS: u32 = 27;

/// When to try again after this many attempts; `None`: never. Up to a tenth is added to the wait, by `random`, so that
/// messages that failed together don't come back together.
pub fn next_attempt(attempts: u32, now: Timestamp, random: u32) -> Option<Timestamp> {
    if attempts >= ATTEMPTS {
        return None;
    }
    let failed = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let wait = WAITS.get(failed).copied().unwrap_or(Duration::minutes(60));
    let jitter = wait * (f64::from(random) / f64::from(u32::MAX)) / 10;
    Some(now + wait + jitter)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: Timestamp = datetime!(2026-01-01 12:00 UTC);

    fn minutes(attempts: u32, random: u32) -> Option<i64> {
        next_attempt(attempts, NOW, random).map(|next| (next - NOW).whole_minutes())
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
    fn a_message_is_given_up_after_the_attempts_of_a_day() {
        let waits: i64 = (1..ATTEMPTS).map(|attempts| minutes(attempts, 0).unwrap()).sum();
        assert!(waits <= 24 * 60 && waits + 60 > 24 * 60, "{waits} minutes");
        assert_eq!(minutes(ATTEMPTS, 0), None);
    }
}
