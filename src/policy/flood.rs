//! How much of a flood is written down: the first of each kind, and how many more there were.

use std::collections::HashSet;

use kayan_ports::Timestamp;
use time::Duration;

/// In so much time ...
const SPAN: Duration = Duration::MINUTE;
/// ... something is told once, and so many things at most.
const MOST: usize = 100;

/// What was told lately.
#[derive(Debug, Default)]
pub struct Flood {
    since: Option<Timestamp>,
    told: HashSet<String>,
    untold: u64,
}

impl Flood {
    /// Whether something is to be told now; and if so, how many were not told since anything last was.
    pub fn tell(&mut self, what: &str, now: Timestamp) -> Option<u64> {
        let over = self.since.is_none_or(|since| (now - since).abs() >= SPAN);
        if over {
            self.since = Some(now);
            self.told.clear();
        }
        if self.told.contains(what) || self.told.len() >= MOST {
            self.untold += 1;
            return None;
        }
        self.told.insert(what.to_owned());
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOON: Timestamp = datetime!(2026-01-01 12:00 UTC);

    #[test]
    fn each_is_told_once_a_minute_with_the_number_of_the_untold() {
        let mut flood = Flood::default();
        assert_eq!(flood.tell("a", NOON), Some(0));
        assert_eq!(flood.tell("a", NOON), None);
        assert_eq!(flood.tell("a", NOON + SPAN - Duration::MICROSECOND), None);
        assert_eq!(flood.tell("a", NOON - Duration::MICROSECOND), None, "parallel requests come out of order");
        assert_eq!(flood.tell("b", NOON), Some(3));
        assert_eq!(flood.tell("a", NOON + SPAN), Some(0));
    }

    #[test]
    fn a_flood_of_different_ones_is_bounded() {
        let mut flood = Flood::default();
        let told = (0..10_000).filter(|number| flood.tell(&number.to_string(), NOON).is_some()).count();
        assert_eq!(told, MOST);
        assert_eq!(flood.tell("one more", NOON + SPAN), Some(9_900));
    }
}
