//! A file that is not as it was written is always refused.

use kayan_sql::backup::{TABLES, Table};
use time::macros::datetime;

use super::*;
use crate::{
    format::{BLOCK_SIZE, Encryption},
    write::Writer,
};

fn secret(byte: u8) -> SecretSlice<u8> {
    SecretSlice::from(vec![byte; 32])
}

fn table(name: &str) -> &'static Table {
    TABLES.iter().find(|table| table.name == name).unwrap()
}

fn rows(count: i64) -> Vec<Vec<Value>> {
    let id = || Value::Uuid(uuid::Uuid::from_u128(7));
    let row = |number| vec!["acme".into(), format!("{number:090}").into(), id(), "email".into()];
    (0..count).map(row).collect()
}

/// A file with this many rows, encrypted with this secret.
fn file(count: i64, with: Option<&SecretSlice<u8>>) -> Vec<u8> {
    let (encryption, key) = with
        .map(|secret| {
            let key = FileKey::derive(secret.expose_secret(), &[7; 32]).unwrap();
            (Encryption { salt: Hex([7; 32]), check: Hex(key.check()) }, key)
        })
        .unzip();
    let header = Header {
        schema_version: 9,
        kayan: "0.1.0".to_owned(),
        created_at: datetime!(2026-05-01 12:00 UTC),
        database: "sqlite".to_owned(),
        encryption,
    };
    let mut writer = Writer::begin(Vec::new(), &header, key).unwrap();
    writer.add(table("identifiers"), &rows(count)).unwrap();
    writer.finish().unwrap().0
}

fn read(bytes: &[u8], with: Option<&SecretSlice<u8>>) -> Result<Summary, ReadError> {
    verify(bytes, with).map(|contents| contents.summary)
}

/// Where each block begins, and where the last one ends.
fn blocks(bytes: &[u8]) -> Vec<usize> {
    let head = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap().0 + 1;
    let mut places = vec![head];
    while *places.last().unwrap() < bytes.len() - 32 {
        let at = *places.last().unwrap();
        let length = u32::from_be_bytes(bytes[at + 1..at + 5].try_into().unwrap());
        places.push(at + 5 + usize::try_from(length).unwrap());
    }
    places
}

#[test]
fn what_was_written_comes_back() {
    for with in [None, Some(&secret(1))] {
        // More than one block of them.
        let count = i64::try_from(3 * BLOCK_SIZE / 100).unwrap();
        let bytes = file(count, with);
        assert!(blocks(&bytes).len() > 4);
        let mut read = Vec::new();
        let look = |item: &Item| {
            if let Item::Rows(rows) = item {
                read.extend(rows.clone());
            }
            Ok(())
        };
        let Contents { summary, .. } = read_all(Reader::begin(bytes.as_slice(), with).unwrap(), look).unwrap();
        assert_eq!(read, rows(count));
        assert_eq!(summary.counts.len(), TABLES.len());
        assert!(summary.counts.contains(&("identifiers".to_owned(), 3 * BLOCK_SIZE as u64 / 100)));
    }
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_found_out() {
    for with in [None, Some(&secret(1))] {
        let bytes = file(3, with);
        for length in 0..bytes.len() {
            let damage = read(&bytes[..length], with).unwrap_err();
            let expected = match length {
                0..=14 => matches!(damage, ReadError::Foreign),
                _ if length < blocks(&bytes)[0] => matches!(damage, ReadError::Header(_)),
                _ => matches!(damage, ReadError::Cut { at, .. } if at == length as u64),
            };
            assert!(expected, "{length}: {damage}");
        }
    }
}

#[test]
fn a_file_with_one_bit_changed_anywhere_is_found_out() {
    for with in [None, Some(&secret(1))] {
        let bytes = file(3, with);
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&changed, with).is_err(), "bit {bit}");
        }
    }
}

#[test]
fn a_file_with_more_at_its_end_is_found_out() {
    let mut bytes = file(3, None);
    let end = bytes.len() as u64;
    bytes.push(b'\n');
    assert!(matches!(read(&bytes, None), Err(ReadError::Added { at }) if at == end));
}

/// In a file that is not encrypted, the digest can be corrected after a change; an encrypted one can't be changed at all.
#[test]
fn blocks_of_a_sealed_file_cannot_be_left_out_or_moved() {
    let with = secret(1);
    let bytes = file(i64::try_from(3 * BLOCK_SIZE / 100).unwrap(), Some(&with));
    let places = blocks(&bytes);
    let block = |at: usize| &bytes[places[at]..places[at + 1]];
    let of = |order: &[usize]| {
        let mut forged = bytes[..places[0]].to_vec();
        for at in order {
            forged.extend_from_slice(block(*at));
        }
        let digest: [u8; 32] = Sha256::digest(&forged).into();
        forged.extend_from_slice(&digest);
        forged
    };
    let all: Vec<usize> = (0..places.len() - 1).collect();
    assert!(all.len() >= 5 && read(&of(&all), Some(&with)).is_ok());
    let last = all.len() - 1;
    for order in [vec![0, 2, 1, 3, last], vec![0, 1, last], [&[0, 1, 1], &all[2..]].concat(), all[1..].to_vec()] {
        assert!(matches!(read(&of(&order), Some(&with)), Err(ReadError::Changed { .. })), "{order:?}");
    }
    // One block more or less of the same file, with the flag of the last one moved.
    let mut cut = of(&all[..last]);
    cut[places[last - 1]] = 1;
    assert!(matches!(read(&cut, Some(&with)), Err(ReadError::Changed { .. })));
    // Nor can the header be changed while the key stays the same.
    let text = String::from_utf8(bytes[..places[0]].to_vec()).unwrap();
    let renamed = [text.replace("sqlite", "oracle").as_bytes(), &bytes[places[0]..]].concat();
    assert!(matches!(read(&renamed, Some(&with)), Err(ReadError::Changed { block: 0, .. })));
}

#[test]
fn a_key_that_is_wrong_missing_or_not_needed_is_told_from_damage() {
    let (sealed, open) = (file(3, Some(&secret(1))), file(3, None));
    assert!(matches!(read(&sealed, Some(&secret(2))), Err(ReadError::WrongKey)));
    assert!(matches!(read(&sealed, None), Err(ReadError::NoKey)));
    assert!(matches!(read(&open, Some(&secret(1))), Err(ReadError::NotEncrypted)));
    assert!(!sealed.windows(4).any(|window| window == b"acme"));
}

#[test]
fn what_is_no_backup_or_one_of_another_format_is_said_to_be_so() {
    for foreign in [&b""[..], b"SQLite format 3\0", b"kayan backup", b"kayan backup one\n", b"\xff\xff\n", b"kayan\n"] {
        assert!(matches!(read(foreign, None), Err(ReadError::Foreign)), "{foreign:?}");
    }
    assert!(matches!(read(b"kayan backup 2\nanything", None), Err(ReadError::Format(other)) if other == "2"));
    assert!(matches!(read(b"kayan backup 1\n{}\n", None), Err(ReadError::Header(_))));
    let endless = [b"kayan backup 1\n".as_slice(), &vec![b'{'; 1 << 16]].concat();
    assert!(matches!(read(&endless, None), Err(ReadError::Header(_))));
}
