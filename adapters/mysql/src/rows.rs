//! What comes out of the database, as the store's values.

use kayan_ports::Timestamp;
use kayan_sql::{DriverError, Row, Value};
use mysql_async::{Column, Value as Native, consts::ColumnType};
use time::{Date, Month, PrimitiveDateTime, Time};

/// The charset of columns that hold bytes.
const BINARY: u16 = 63;

/// One row of an answer; its values come as text.
pub(crate) fn decode(mut row: mysql_async::Row) -> Result<Row, DriverError> {
    let columns = row.columns();
    let mut values = Vec::with_capacity(columns.len());
    for (position, column) in columns.iter().enumerate() {
        let value = match row.take(position) {
            Some(Native::Bytes(bytes)) => value(bytes, column),
            _ => Some(Value::Null),
        };
        let odd = || DriverError::Fault(format!("column {} can't be read as its type", position + 1));
        values.push(value.ok_or_else(odd)?);
    }
    Ok(Row::new(values))
}

fn value(bytes: Vec<u8>, column: &Column) -> Option<Value> {
    let kind = column.column_type();
    if is_integer(kind) {
        return std::str::from_utf8(&bytes).ok()?.parse().ok().map(Value::Int);
    }
    match kind {
        ColumnType::MYSQL_TYPE_DATETIME | ColumnType::MYSQL_TYPE_TIMESTAMP => {
            moment(std::str::from_utf8(&bytes).ok()?).map(Value::Time)
        }
        // Sums are decimals even when what they sum is whole.
        ColumnType::MYSQL_TYPE_NEWDECIMAL => {
            let text = String::from_utf8(bytes).ok()?;
            Some(text.parse().map_or_else(|_| Value::from(text), Value::Int))
        }
        // MySQL's JSON is UTF-8, and its columns say that they are bytes.
        kind if kind != ColumnType::MYSQL_TYPE_JSON && column.character_set() == BINARY && is_string(kind) => {
            Some(Value::Bytes(bytes))
        }
        _ => String::from_utf8(bytes).ok().map(Value::from),
    }
}

fn is_integer(kind: ColumnType) -> bool {
    matches!(
        kind,
        ColumnType::MYSQL_TYPE_TINY
            | ColumnType::MYSQL_TYPE_SHORT
            | ColumnType::MYSQL_TYPE_INT24
            | ColumnType::MYSQL_TYPE_LONG
            | ColumnType::MYSQL_TYPE_LONGLONG
    )
}

fn is_string(kind: ColumnType) -> bool {
    matches!(
        kind,
        ColumnType::MYSQL_TYPE_STRING
            | ColumnType::MYSQL_TYPE_VAR_STRING
            | ColumnType::MYSQL_TYPE_VARCHAR
            | ColumnType::MYSQL_TYPE_TINY_BLOB
            | ColumnType::MYSQL_TYPE_BLOB
            | ColumnType::MYSQL_TYPE_MEDIUM_BLOB
            | ColumnType::MYSQL_TYPE_LONG_BLOB
    )
}

/// `2026-03-29 01:59:59.000001`, in UTC as the session is.
fn moment(text: &str) -> Option<Timestamp> {
    let (date, clock) = text.split_once(' ')?;
    let mut date = date.splitn(3, '-');
    let (year, month) = (date.next()?.parse().ok()?, date.next()?.parse::<u8>().ok()?);
    let day = date.next()?.parse().ok()?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut clock = clock.splitn(3, ':');
    let (hour, minute, second) =
        (clock.next()?.parse().ok()?, clock.next()?.parse().ok()?, clock.next()?.parse().ok()?);
    let micros = format!("{fraction:0<6}").parse().ok()?;
    let date = Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()?;
    let clock = Time::from_hms_micro(hour, minute, second, micros).ok()?;
    Some(PrimitiveDateTime::new(date, clock).assume_utc())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn moments_are_read_to_the_microsecond() {
        for (text, expected) in [
            ("2026-03-29 01:59:59.000001", Some(datetime!(2026-03-29 01:59:59.000001 UTC))),
            ("0001-01-01 00:00:00", Some(datetime!(0001-01-01 00:00:00 UTC))),
            ("9999-12-31 23:59:59.999999", Some(datetime!(9999-12-31 23:59:59.999999 UTC))),
            ("2026-01-01 00:00:00.5", Some(datetime!(2026-01-01 00:00:00.5 UTC))),
            ("0000-00-00 00:00:00", None),
            ("2026-01-01", None),
            ("", None),
        ] {
            assert_eq!(moment(text), expected, "{text}");
        }
    }
}
