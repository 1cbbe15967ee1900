//! Times as RFC 3339 in UTC, formatted by hand because a response to `whoami` contains six.

use kayan_ports::Timestamp;
use serde::Serializer;
use time::UtcOffset;

/// `2026-01-02T03:04:05.000006Z`: always microseconds, always 27 characters.
fn text(at: Timestamp) -> [u8; 27] {
    let at = at.to_offset(UtcOffset::UTC);
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    // A year always has four digits here.
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

/// For `#[serde(with)]`.
pub(crate) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(std::str::from_utf8(&text(*at)).unwrap_or_default())
}

/// The same for an optional time.
pub(crate) mod option {
    use super::{Serializer, Timestamp};

    /// For `#[serde(with)]`.
    #[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
    pub(crate) fn serialize<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => super::serialize(at, serializer),
            None => serializer.serialize_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::{Duration, format_description::well_known::Rfc3339, macros::datetime};

    #[test]
    fn every_time_reads_back_as_itself() {
        for at in [
            datetime!(1970-01-01 00:00 UTC),
            datetime!(2024-02-29 23:59:59.999999 UTC),
            datetime!(2026-01-02 03:04:05.000006 UTC),
            datetime!(2026-01-02 03:04:05.5 +02:00),
            datetime!(9999-12-31 23:59:59.123456 UTC),
        ] {
            let written = String::from_utf8(text(at).to_vec()).unwrap();
            assert_eq!(Timestamp::parse(&written, &Rfc3339).unwrap() - at, Duration::ZERO, "{written}");
            assert!(written.ends_with('Z'));
        }
    }
}
