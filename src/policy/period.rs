//! A stretch of time as people write it: days, or moments.

use kayan_ports::{Timestamp, timestamp};
use time::{
    Date, Duration, Time,
    macros::{datetime, format_description},
};

/// The last moment that RFC 3339 can write and every database can keep; the last day ends with it.
const LAST: Timestamp = datetime!(9999-12-31 23:59:59.999_999 UTC);

/// Why two texts are not a period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// One of them is not a valid moment.
    #[error(
        "{which}: `{text}` is no date: write a day that there is, as in 2024-01-31, or a moment, as in 2024-01-31T12:00:00Z"
    )]
    NoDate {
        /// Which.
        which: &'static str,
        /// What was written, cut short.
        text: String,
    },
    /// The end is before the start.
    #[error("the start, {start}, is after the end, {end}: give them the other way round")]
    Backwards {
        /// The start, as written.
        start: String,
        /// The end, as written.
        end: String,
    },
}

/// From when on, inclusive, and until when, exclusive. A day (UTC) as the start is its beginning, and as the end counts
/// whole. A moment is RFC 3339, cut to microseconds.
pub fn read(start: Option<&str>, end: Option<&str>) -> Result<(Option<Timestamp>, Option<Timestamp>), PeriodError> {
    let from = start.map(|text| moment("start", text, Duration::ZERO)).transpose()?;
    let until = end.map(|text| moment("end", text, Duration::DAY)).transpose()?;
    // The end of a day that lies before is the next one's beginning.
    let last = end.map(|text| moment("end", text, Duration::DAY - Duration::MICROSECOND)).transpose()?;
    match (from.zip(start), last.zip(end)) {
        (Some((from, start)), Some((last, end))) if from > last => {
            Err(PeriodError::Backwards { start: start.to_owned(), end: end.to_owned() })
        }
        _ => Ok((from, until)),
    }
}

/// The moment that a text names, and so much later if it is a day, but never after the year 9999. `which` is what it is called in an error.
pub fn moment(which: &'static str, text: &str, day_ends_after: Duration) -> Result<Timestamp, PeriodError> {
    let day = || {
        let date = Date::parse(text, format_description!("[year]-[month]-[day]")).ok()?;
        Some(date.with_time(Time::MIDNIGHT).assume_utc().checked_add(day_ends_after).unwrap_or(LAST).min(LAST))
    };
    let found = day().filter(|day| day.year() > 0).or_else(|| timestamp::parse(text));
    found.ok_or_else(|| PeriodError::NoDate { which, text: text.chars().take(64).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_and_as_an_end_counts_whole() {
        let january = read(Some("2024-01-01"), Some("2024-01-31"));
        assert_eq!(january, Ok((Some(datetime!(2024-01-01 0:00 UTC)), Some(datetime!(2024-02-01 0:00 UTC)))));
        let leap_day = read(Some("2024-02-29"), Some("2024-02-29"));
        assert_eq!(leap_day, Ok((Some(datetime!(2024-02-29 0:00 UTC)), Some(datetime!(2024-03-01 0:00 UTC)))));
        assert_eq!(read(None, None), Ok((None, None)));
    }

    #[test]
    fn a_moment_counts_to_the_microsecond_in_its_own_offset() {
        let exact = read(Some("2024-01-01T01:00:00.1234567+01:00"), Some("2024-01-01T00:00:01Z"));
        assert_eq!(
            exact,
            Ok((Some(datetime!(2024-01-01 0:00:00.123456 UTC)), Some(datetime!(2024-01-01 0:00:01 UTC))))
        );
    }

    #[test]
    fn what_is_no_date_is_told_with_what_was_written() {
        for text in
            ["2024-02-30", "2023-02-29", "2024-13-01", "24-01-01", "yesterday", "", "2024-1-1", "2024-01-01 10:00"]
        {
            let error = read(Some(text), None).unwrap_err();
            assert_eq!(error, PeriodError::NoDate { which: "start", text: text.to_owned() });
            assert!(read(None, Some(text)).unwrap_err().to_string().starts_with("end: "), "{text}");
        }
    }

    #[test]
    fn a_long_text_that_is_no_date_is_told_cut_short() {
        let text = "ü".repeat(1000);
        let error = PeriodError::NoDate { which: "start", text: "ü".repeat(64) };
        assert_eq!(read(Some(&text), None), Err(error));
    }

    #[test]
    fn the_first_and_the_last_day_there_are_can_be_ends() {
        assert_eq!(
            read(Some("9999-12-31"), Some("9999-12-31")),
            Ok((Some(datetime!(9999-12-31 0:00 UTC)), Some(LAST)))
        );
        assert_eq!(moment("until", "9999-12-31", Duration::DAY), Ok(LAST));
        assert_eq!(read(None, Some("9999-12-31T23:59:59.9999999Z")), Ok((None, Some(LAST))));
        assert!(read(Some("0001-01-01"), Some("0001-01-01")).is_ok());
        for beyond in ["10000-01-01", "9999-12-31T23:59:59-01:00", "0000-12-31", "0001-01-01T00:00:00+01:00"] {
            assert!(read(None, Some(beyond)).is_err(), "{beyond}");
        }
    }

    #[test]
    fn a_start_after_its_end_is_told() {
        let error = read(Some("2024-02-01"), Some("2024-01-31T00:00:00Z")).unwrap_err();
        assert!(matches!(&error, PeriodError::Backwards { .. }));
        assert!(error.to_string().contains("2024-02-01"), "{error}");
        assert!(read(Some("2024-02-01"), Some("2024-01-31")).is_err());
        assert!(read(Some("2024-01-31T23:59:59.999999Z"), Some("2024-01-31")).is_ok());
        assert!(read(Some("2024-01-31"), Some("2024-01-31T00:00:00Z")).is_ok(), "an empty period is one");
    }
}
