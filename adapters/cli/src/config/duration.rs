//! Durations as Go writes them: `5m`, `60s`, `1h30m`, `500ms`; and days, which it lacks: `90d`.

use std::time::Duration;

/// Says why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DurationError {
    /// There is a number without a unit behind it.
    #[error("has no unit")]
    NoUnit,
    /// There is a unit that isn't known.
    #[error("has an unknown unit")]
    UnknownUnit,
    /// There is something that is no number where one must stand.
    #[error("is not a duration")]
    NoNumber,
    /// It is below zero.
    #[error("is negative")]
    Negative,
    /// It is longer than 292 years, as Go's are.
    #[error("is too long")]
    TooLong,
}

const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Accepted, but never printed: Go has no unit for days.
const DAY: (&str, u128) = ("d", 86_400_000_000_000);

/// Reads a duration; fractions (`1.5h`) are cut to whole nanoseconds, `0` needs no unit.
pub(crate) fn parse(text: &str) -> Result<Duration, DurationError> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.starts_with('-') {
        return Err(DurationError::Negative);
    }
    let mut rest = text;
    let mut nanos = 0_u128;
    while !rest.is_empty() || nanos == 0 && rest.len() == text.len() {
        let (part, behind) = leading_part(rest)?;
        nanos = nanos.checked_add(part).ok_or(DurationError::TooLong)?;
        rest = behind;
    }
    let nanos = i64::try_from(nanos).map_err(|_| DurationError::TooLong)?;
    Ok(Duration::from_nanos(nanos.unsigned_abs()))
}

/// The nanoseconds of the first number and unit, and what stands behind them.
fn leading_part(text: &str) -> Result<(u128, &str), DurationError> {
    let (number, rest) = text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len()));
    let (unit, behind) = rest.split_at(rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len()));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return Err(DurationError::NoNumber);
    }
    if unit.is_empty() {
        return Err(DurationError::NoUnit);
    }
    let scale = UNITS.iter().chain([&DAY]).find(|(name, _)| *name == unit).ok_or(DurationError::UnknownUnit)?.1;
    let whole = digits(whole)?.checked_mul(scale).ok_or(DurationError::TooLong)?;
    // twelve places are precise enough, and more would not fit
    let fraction = fraction.get(..12).unwrap_or(fraction);
    let places = u32::try_from(fraction.len()).map_err(|_| DurationError::NoNumber)?;
    Ok((whole + digits(fraction)? * scale / 10_u128.pow(places), behind))
}

fn digits(text: &str) -> Result<u128, DurationError> {
    if text.is_empty() { Ok(0) } else { text.parse().map_err(|_| DurationError::TooLong) }
}

/// Writes a duration in its largest whole unit, as in `720h` or `90s`.
pub(crate) fn format(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let unit = UNITS.iter().rev().find(|(_, scale)| nanos != 0 && nanos.is_multiple_of(*scale));
    unit.map_or_else(|| "0s".to_owned(), |(name, scale)| format!("{}{name}", nanos / scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_go_reads_them() {
        for (text, millis) in [
            ("5m", 300_000),
            ("60s", 60_000),
            ("1h30m", 5_400_000),
            ("24h", 86_400_000),
            ("168h", 604_800_000),
            ("7d", 604_800_000),
            ("1d12h", 129_600_000),
            ("500ms", 500),
            ("1.5h", 5_400_000),
            (".5s", 500),
            ("1.s", 1_000),
            ("1m1m", 120_000),
            ("0", 0),
            ("0s", 0),
            ("1000000us", 1_000),
            ("1000000\u{b5}s", 1_000),
            ("1000000000ns", 1_000),
            ("0.1000000000000000000000000000000000s", 100),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_the_reason() {
        for (text, why) in [
            ("", DurationError::NoNumber),
            ("h", DurationError::NoNumber),
            (".", DurationError::NoNumber),
            (".h", DurationError::NoNumber),
            ("1.2.3s", DurationError::NoNumber),
            ("60", DurationError::NoUnit),
            ("1h30", DurationError::NoUnit),
            ("7w", DurationError::UnknownUnit),
            ("5 m", DurationError::UnknownUnit),
            ("5M", DurationError::UnknownUnit),
            ("1e9s", DurationError::UnknownUnit),
            ("-5m", DurationError::Negative),
            ("9999999999h", DurationError::TooLong),
            ("99999999999999999999999999999999999999999999s", DurationError::TooLong),
        ] {
            assert_eq!(parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn durations_are_written_in_their_largest_whole_unit() {
        for (seconds, text) in [(0, "0s"), (60, "1m"), (90, "90s"), (2_592_000, "720h")] {
            assert_eq!(format(Duration::from_secs(seconds)), text);
        }
        assert_eq!(format(Duration::from_millis(1)), "1ms");
    }
}
