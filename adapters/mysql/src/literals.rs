//! Values as literals that no value can break out of, whatever the server's SQL mode or the connection's charset.
//!
//! Text and bytes are written in hexadecimal, so a literal holds nothing but `0-9a-f` between its quotes; numbers,
//! times and ids are written by their own types, which have no other characters either.

use std::fmt::Write as _;

use kayan_ports::Timestamp;
use kayan_sql::{DriverError, Value, signature};

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// What can't be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unwritable {
    /// There are more or fewer parameters than `?`.
    #[error("the parameters are not as many as the places for them")]
    Count,
    /// The database has no such time.
    #[error("a time lies outside of the years 1 to 9999")]
    Time,
}

/// The statement with each `?` replaced by its parameter.
pub(crate) fn written(sql: &'static str, params: &[Value]) -> Result<String, DriverError> {
    let mut text = String::with_capacity(sql.len() + 128);
    interpolate(&mut text, sql, params).map_err(|why| DriverError::Fault(format!("{}: {why}", signature(sql))))?;
    Ok(text)
}

/// Appends the statement with each `?` replaced by its parameter.
pub(crate) fn interpolate(into: &mut String, sql: &str, params: &[Value]) -> Result<(), Unwritable> {
    let mut pieces = sql.split('?');
    into.push_str(pieces.next().unwrap_or_default());
    let mut params = params.iter();
    for piece in pieces {
        literal(into, params.next().ok_or(Unwritable::Count)?)?;
        into.push_str(piece);
    }
    if params.next().is_some() { Err(Unwritable::Count) } else { Ok(()) }
}

fn literal(into: &mut String, value: &Value) -> Result<(), Unwritable> {
    match value {
        Value::Null => into.push_str("NULL"),
        Value::Bool(true) => into.push_str("TRUE"),
        Value::Bool(false) => into.push_str("FALSE"),
        Value::Int(number) => integer(into, *number),
        Value::Text(text) => self::text(into, text),
        Value::Json(document) => text(into, document),
        Value::Bytes(bytes) => hexadecimal(into, bytes),
        Value::Uuid(id) => put(into, format_args!("_ascii'{}'", id.hyphenated())),
        Value::Time(moment) => time(into, *moment)?,
    }
    Ok(())
}

/// A negative number stands in parentheses: a `-` before it would make a comment of the two.
fn integer(into: &mut String, number: i64) {
    if number < 0 { put(into, format_args!("({number})")) } else { put(into, format_args!("{number}")) }
}

fn text(into: &mut String, text: &str) {
    into.push_str("_utf8mb4 ");
    hexadecimal(into, text.as_bytes());
}

fn hexadecimal(into: &mut String, bytes: &[u8]) {
    into.reserve(bytes.len() * 2 + 3);
    into.push_str("x'");
    let digit = |nibble: u8| char::from(DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0'));
    into.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
    into.push('\'');
}

fn time(into: &mut String, moment: Timestamp) -> Result<(), Unwritable> {
    let moment = moment.to_offset(::time::UtcOffset::UTC);
    if !(1..=9999).contains(&moment.year()) {
        return Err(Unwritable::Time);
    }
    let (year, month, day) = (moment.year(), u8::from(moment.month()), moment.day());
    let (hour, minute, second, micro) = (moment.hour(), moment.minute(), moment.second(), moment.microsecond());
    let clock = format_args!("{hour:02}:{minute:02}:{second:02}.{micro:06}");
    put(into, format_args!("TIMESTAMP'{year:04}-{month:02}-{day:02} {clock}'"));
    Ok(())
}

fn put(into: &mut String, words: std::fmt::Arguments<'_>) {
    // writing to a string cannot fail
    let _ = into.write_fmt(words);
}

#[cfg(test)]
mod tests {
    use ::time::macros::datetime;
    use uuid::Uuid;

    use super::*;

    fn written(value: Value) -> String {
        let mut sql = String::new();
        interpolate(&mut sql, "?", &[value]).unwrap();
        sql
    }

    #[test]
    fn every_kind_of_value_has_its_literal() {
        for (value, sql) in [
            (Value::Null, "NULL"),
            (Value::Bool(true), "TRUE"),
            (Value::Bool(false), "FALSE"),
            (Value::Int(7), "7"),
            (Value::Int(i64::MIN), "(-9223372036854775808)"),
            (Value::from("a'b"), "_utf8mb4 x'612762'"),
            (Value::from(""), "_utf8mb4 x''"),
            (Value::Json("{}".to_owned()), "_utf8mb4 x'7b7d'"),
            (Value::Bytes(vec![0, 0x27, 0xff]), "x'0027ff'"),
            (Value::Uuid(Uuid::from_u128(7)), "_ascii'00000000-0000-0000-0000-000000000007'"),
            (datetime!(2026-03-01 01:02:03.000004 +01:00).into(), "TIMESTAMP'2026-03-01 00:02:03.000004'"),
            (datetime!(0001-01-01 0:00 UTC).into(), "TIMESTAMP'0001-01-01 00:00:00.000000'"),
        ] {
            assert_eq!(written(value), sql);
        }
    }

    #[test]
    fn no_text_gets_out_of_its_literal() {
        for text in ["'; DROP TABLE x; --", "\\'", "\0", "\u{1a}", "?", "¥'", "縗'", "\u{a5}\\", "/*", "*/", "`", "\""]
        {
            let sql = written(Value::text(text));
            let inside = sql.strip_prefix("_utf8mb4 x'").unwrap().strip_suffix('\'').unwrap();
            assert!(inside.bytes().all(|b| b.is_ascii_hexdigit()), "{sql}");
        }
    }

    #[test]
    fn a_question_mark_in_a_value_is_no_place_for_the_next_one() {
        let mut sql = String::new();
        interpolate(&mut sql, "a = ? AND b = ?", &[Value::from("?"), Value::Int(1)]).unwrap();
        assert_eq!(sql, "a = _utf8mb4 x'3f' AND b = 1");
    }

    #[test]
    fn parameters_must_be_as_many_as_their_places_and_times_within_range() {
        let mut sql = String::new();
        assert_eq!(interpolate(&mut sql, "? ?", &[Value::Null]), Err(Unwritable::Count));
        assert_eq!(interpolate(&mut sql, "?", &[Value::Null, Value::Null]), Err(Unwritable::Count));
        assert_eq!(interpolate(&mut sql, "?", &[datetime!(-0001-01-01 0:00 UTC).into()]), Err(Unwritable::Time));
    }
}
