//! The text form of a position in the audit trail, which clients send back unchanged.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kayan_ports::{EventCursor, EventId, timestamp};
use uuid::Uuid;

/// The text is not a cursor. The reason is not given: clients must not construct cursors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a cursor: send the one of the previous page unchanged, or none for the first page")]
pub struct CursorError;

/// Microseconds since 1970 and the id, 24 bytes, in base64url: 32 characters.
pub fn write(cursor: &EventCursor) -> String {
    let micros = timestamp::micros(cursor.at);
    let mut bytes = [0; 24];
    let (head, tail) = bytes.split_at_mut(8);
    head.copy_from_slice(&micros.to_be_bytes());
    tail.copy_from_slice(cursor.id.0.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The position that a text names, in the years 1 to 9999.
pub fn read(text: &str) -> Result<EventCursor, CursorError> {
    let mut bytes = [0; 24];
    let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).map_err(|_| CursorError)?;
    let (head, tail) = bytes.split_first_chunk::<8>().filter(|_| length == 24).ok_or(CursorError)?;
    let at = timestamp::from_micros(i64::from_be_bytes(*head)).ok_or(CursorError)?;
    if !(1..=9999).contains(&at.year()) {
        return Err(CursorError);
    }
    Ok(EventCursor { at, id: EventId(Uuid::from_slice(tail).map_err(|_| CursorError)?) })
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was_written() {
        for at in [
            datetime!(2026-11-25 18:00:00.000001 UTC),
            datetime!(1969-12-31 23:59:59.999999 UTC),
            datetime!(0001-01-01 0:00 UTC),
            datetime!(9999-12-31 23:59:59.999999 UTC),
        ] {
            for id in [Uuid::nil(), Uuid::max(), Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001)] {
                let cursor = EventCursor { at, id: EventId(id) };
                let text = write(&cursor);
                assert_eq!((text.len(), read(&text)), (32, Ok(cursor)));
                assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')), "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let good = write(&EventCursor { at: datetime!(2026-01-01 0:00 UTC), id: EventId(Uuid::nil()) });
        let cut = good.get(1..).unwrap_or_default();
        for text in ["", "a", cut, &format!("{good}A"), &format!("{good}AAAA"), &format!("{good}="), &"f".repeat(32)] {
            assert_eq!(read(text), Err(CursorError), "{text}");
        }
        for text in [&"_".repeat(32), "f////////////////////////////////", " ", "ü", &"A".repeat(4_000), "';--"] {
            assert!(read(text).is_err() || text.len() == 32, "{text}");
        }
    }
}
