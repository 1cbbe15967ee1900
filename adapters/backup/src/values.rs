//! Rows as bytes: each value after a byte that says what it is; texts and bytes with their length.

use kayan_ports::timestamp;
use kayan_sql::{Value, backup::Kind};
use uuid::Uuid;

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INT: u8 = 3;
const TEXT: u8 = 4;
const BYTES: u8 = 5;
const JSON: u8 = 6;
const UUID: u8 = 7;
const TIME: u8 = 8;

/// Appends a row.
pub(crate) fn write(row: &[Value], into: &mut Vec<u8>) {
    for value in row {
        match value {
            Value::Null => into.push(NULL),
            Value::Bool(false) => into.push(FALSE),
            Value::Bool(true) => into.push(TRUE),
            Value::Int(number) => fixed(INT, &number.to_be_bytes(), into),
            Value::Text(text) => long(TEXT, text.as_bytes(), into),
            Value::Bytes(bytes) => long(BYTES, bytes, into),
            Value::Json(document) => long(JSON, document.as_bytes(), into),
            Value::Uuid(id) => fixed(UUID, id.as_bytes(), into),
            Value::Time(moment) => {
                fixed(TIME, &timestamp::micros(*moment).to_be_bytes(), into);
            }
        }
    }
}

fn fixed(tag: u8, bytes: &[u8], into: &mut Vec<u8>) {
    into.push(tag);
    into.extend_from_slice(bytes);
}

/// No database holds a value of 4 GiB.
fn long(tag: u8, bytes: &[u8], into: &mut Vec<u8>) {
    into.push(tag);
    into.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    into.extend_from_slice(bytes);
}

/// All rows of a block with columns of these kinds; `None` if they are of others.
pub(crate) fn read(kinds: &[Kind], mut block: &[u8]) -> Option<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    while !block.is_empty() {
        let row: Option<Vec<Value>> = kinds.iter().map(|kind| value(&mut block).filter(|it| kind.holds(it))).collect();
        // A table without columns would never end.
        rows.push(row.filter(|row| !row.is_empty())?);
    }
    Some(rows)
}

fn value(rest: &mut &[u8]) -> Option<Value> {
    let (&tag, behind) = rest.split_first()?;
    *rest = behind;
    Some(match tag {
        NULL => Value::Null,
        FALSE => Value::Bool(false),
        TRUE => Value::Bool(true),
        INT => Value::Int(i64::from_be_bytes(exactly(rest)?)),
        TEXT => Value::from(text(rest)?),
        BYTES => Value::Bytes(piece(rest)?.to_vec()),
        JSON => Value::Json(text(rest)?),
        UUID => Value::Uuid(Uuid::from_bytes(exactly(rest)?)),
        TIME => Value::Time(timestamp::from_micros(i64::from_be_bytes(exactly(rest)?))?),
        _ => return None,
    })
}

fn exactly<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, behind) = rest.split_first_chunk::<N>()?;
    *rest = behind;
    Some(*bytes)
}

fn piece<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = usize::try_from(u32::from_be_bytes(exactly(rest)?)).ok()?;
    let (bytes, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(bytes)
}

fn text(rest: &mut &[u8]) -> Option<String> {
    String::from_utf8(piece(rest)?.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn row() -> (Vec<Kind>, Vec<Value>) {
        let kinds = [Kind::ALL.as_slice(), &[Kind::Text, Kind::Bool]].concat();
        let values = vec![
            Value::Bool(true),
            Value::Int(i64::MIN),
            Value::from("Zoë\n'"),
            Value::Bytes(vec![0, 255]),
            Value::Json("{\"a\":1e16}".to_owned()),
            Value::Uuid(Uuid::from_u128(7)),
            Value::Time(datetime!(1969-12-31 23:59:59.999999 UTC)),
            Value::Null,
            Value::Bool(false),
        ];
        (kinds, values)
    }

    #[test]
    fn every_kind_of_value_comes_back_as_it_was() {
        let ((kinds, values), mut bytes) = (row(), Vec::new());
        write(&values, &mut bytes);
        write(&values, &mut bytes);
        assert_eq!(read(&kinds, &bytes).unwrap(), [values.clone(), values]);
        assert_eq!(read(&kinds, &[]).unwrap(), Vec::<Vec<Value>>::new());
    }

    #[test]
    fn a_row_that_is_cut_off_or_of_other_kinds_is_none() {
        let ((kinds, values), mut bytes) = (row(), Vec::new());
        write(&values, &mut bytes);
        for length in 1..bytes.len() {
            assert!(read(&kinds, &bytes[..length]).is_none(), "{length}");
        }
        assert!(read(&kinds[1..], &bytes).is_none());
        assert!(read(&[], &bytes).is_none());
        for wrong in [vec![9], vec![TEXT, 0, 0, 0, 1, 0xff], vec![TIME, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]]
        {
            assert!(Kind::ALL.iter().all(|kind| read(&[*kind], &wrong).is_none()), "{wrong:?}");
        }
    }
}
