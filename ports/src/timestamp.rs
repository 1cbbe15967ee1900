//! Moments: the clock that shows them, and their one form as text and as a number.

use serde::{Deserialize as _, Deserializer, Serializer, de};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// A moment in UTC, whole microseconds: what every supported database can keep exactly.
pub type Timestamp = OffsetDateTime;

/// The time of day, so that every expiry can be tested at its exact boundary.
pub trait Clock: Send + Sync {
    /// Now, in UTC, cut to whole microseconds.
    fn now(&self) -> Timestamp;
}

/// A moment as every surface shows it: RFC 3339 in UTC with six decimals, `2026-01-02T03:04:05.000006Z`.
pub fn text(at: Timestamp) -> String {
    as_str(&ascii(at)).to_owned()
}

/// The bytes of [`text`], without an allocation; by hand, because an answer to `whoami` holds six of them, and each line
/// of the log one.
pub fn ascii(at: Timestamp) -> [u8; 27] {
    let at = at.to_offset(UtcOffset::UTC);
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    // No clock shows a year of more than four digits.
    put(&mut text, 0..4, u32::try_from(at.year()).unwrap_or_default());
    put(&mut text, 5..7, u32::from(u8::from(at.month())));
    put(&mut text, 8..10, u32::from(at.day()));
    put(&mut text, 11..13, u32::from(at.hour()));
    put(&mut text, 14..16, u32::from(at.minute()));
    put(&mut text, 17..19, u32::from(at.second()));
    put(&mut text, 20..26, at.microsecond());
    text
}

fn put(text: &mut [u8; 27], place: std::ops::Range<usize>, mut number: u32) {
    for digit in text.get_mut(place).into_iter().flatten().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
}

fn as_str(ascii: &[u8; 27]) -> &str {
    std::str::from_utf8(ascii).unwrap_or_default()
}

/// Reads RFC 3339 of any offset and precision, cut to microseconds; `None` outside of the years 1 to 9999 in UTC, which
/// every database can keep.
pub fn parse(text: &str) -> Option<Timestamp> {
    let at = Timestamp::parse(text, &Rfc3339).ok()?.checked_to_offset(UtcOffset::UTC)?;
    (1..=9999).contains(&at.year()).then(|| at.truncate_to_microsecond())
}

/// Whole microseconds since 1970.
pub fn micros(at: Timestamp) -> i64 {
    i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000)).unwrap_or(i64::MAX)
}

/// The time this many microseconds after 1970-01-01T00:00:00Z; `None` outside the years -9999 to 9999.
pub fn from_micros(micros: i64) -> Option<Timestamp> {
    Timestamp::from_unix_timestamp_nanos(i128::from(micros) * 1_000).ok()
}

/// For `#[serde(with)]`.
pub fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(as_str(&ascii(*at)))
}

/// For `#[serde(with)]`.
pub fn deserialize<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Timestamp, D::Error> {
    read(&String::deserialize(deserializer)?)
}

fn read<E: de::Error>(text: &str) -> Result<Timestamp, E> {
    parse(text).ok_or_else(|| E::custom("not a time, expected one like 2026-01-02T03:04:05Z (RFC 3339)"))
}

/// The same for an optional moment.
pub mod option {
    use serde::Deserialize as _;

    use super::{Deserializer, Serializer, Timestamp};

    /// For `#[serde(with)]`.
    pub fn serialize<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => super::serialize(at, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// For `#[serde(with)]`.
    pub fn deserialize<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        Option::<String>::deserialize(deserializer)?.as_deref().map(super::read).transpose()
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn every_moment_reads_back_as_itself_and_has_six_decimals() {
        for (at, expected) in [
            (datetime!(1970-01-01 00:00 UTC), "1970-01-01T00:00:00.000000Z"),
            (datetime!(2024-02-29 23:59:59.999999 UTC), "2024-02-29T23:59:59.999999Z"),
            (datetime!(2026-01-02 03:04:05.000006 UTC), "2026-01-02T03:04:05.000006Z"),
            (datetime!(2026-01-02 03:04:05.5 +02:00), "2026-01-02T01:04:05.500000Z"),
            (datetime!(0001-01-01 00:00 UTC), "0001-01-01T00:00:00.000000Z"),
            (datetime!(9999-12-31 23:59:59.123456 UTC), "9999-12-31T23:59:59.123456Z"),
        ] {
            assert_eq!(text(at), expected);
            assert_eq!(parse(expected), Some(at));
            assert_eq!(from_micros(micros(at)), Some(at));
        }
    }

    #[test]
    fn what_is_given_may_have_any_offset_and_precision() {
        for (given, expected) in [
            ("2026-01-02T03:04:05Z", Some(datetime!(2026-01-02 03:04:05 UTC))),
            ("2026-01-02T03:04:05.1234567+02:00", Some(datetime!(2026-01-02 01:04:05.123456 UTC))),
            ("1969-12-31T23:59:59.9999999Z", Some(datetime!(1969-12-31 23:59:59.999999 UTC))),
            ("0001-01-01T00:00:00+01:00", None),
            ("9999-12-31T23:59:59-01:00", None),
            ("2026-01-02", None),
            ("", None),
        ] {
            assert_eq!(parse(given), expected, "{given}");
        }
    }

    #[test]
    fn microseconds_before_1970_are_rounded_down() {
        let at = datetime!(1969-12-31 23:59:59.9999985 UTC);
        assert_eq!(micros(at), -2);
        assert_eq!(from_micros(i64::MAX), None);
    }
}
