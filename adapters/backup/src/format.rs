//! What a backup file is made of.
//!
//! ```text
//! kayan backup 1                      the format and its version, a line
//! {"schema_version":9,"kayan":…}      the header, a line of JSON
//! block, block, …                     0 or in the last one 1; the length, 4 bytes; so many bytes
//! digest                              SHA-256 of all bytes before it
//! ```
//!
//! Numbers are big-endian. A block is compressed (zlib), and then, when there is a key, sealed: AES-256-GCM with the block's
//! number (from 0) as nonce, and with the digest of the two first lines, the number and whether it is the last as associated
//! data. What it holds begins with a letter: `T`, then JSON that names a table and its columns with their kinds; `R`, then
//! rows of that table, each value with a byte before it that says what it is; `E` in the last one, then JSON with the number
//! of rows of each table.

use std::{fmt, io};

use kayan_ports::Timestamp;
use kayan_sql::backup::Kind;
use serde::{Deserialize, Serialize};

/// How every file begins.
pub(crate) const MAGIC: &str = "kayan backup ";
/// The format's version.
pub(crate) const FORMAT: &str = "1";
/// A block is closed when it holds so much.
pub(crate) const FULL: usize = 256 * 1024;
/// No block is longer, packed or unpacked; a row is far shorter.
pub(crate) const LONGEST: u64 = 1 << 28;
/// No line at the beginning is longer.
pub(crate) const LONGEST_LINE: u64 = 4_096;

/// What a block begins with.
pub(crate) const TABLE: u8 = b'T';
pub(crate) const ROWS: u8 = b'R';
pub(crate) const END: u8 = b'E';

/// What a file says of itself, readable by everybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The number of the last migration that the database had.
    pub schema_version: u32,
    /// The version of the program that wrote it.
    pub kayan: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: Timestamp,
    /// The kind of database it was taken from.
    pub database: String,
    /// What the blocks are sealed with; nothing: they are not.
    pub encryption: Option<Encryption>,
}

/// How to come to the key of the file; both in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encryption {
    /// 32 random bytes.
    pub salt: Hex<32>,
    /// 16 bytes that only the right key leads to.
    pub check: Hex<16>,
}

/// So many bytes, in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hex<const N: usize>(pub [u8; N]);

impl<const N: usize> fmt::Display for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<const N: usize> From<Hex<N>> for String {
    fn from(hex: Hex<N>) -> Self {
        hex.to_string()
    }
}

impl<const N: usize> TryFrom<String> for Hex<N> {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let byte = |at: usize| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..N).map(byte).collect();
        let bytes = bytes.filter(|_| text.len() == 2 * N).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or("it is not in hexadecimal, or not as long as it should be")
    }
}

/// The table whose rows follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableHead {
    /// Its name.
    pub table: String,
    /// The names of its columns, and the kind of each by its name.
    pub columns: Vec<(String, String)>,
}

impl TableHead {
    /// The kinds of its columns; nothing when one is not known.
    pub fn kinds(&self) -> Option<Vec<Kind>> {
        self.columns.iter().map(|(_, kind)| Kind::from_name(kind)).collect()
    }
}

/// How many rows of each table there are; also of those without any.
pub type Counts = Vec<(String, u64)>;

/// What a whole file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The rows.
    pub counts: Counts,
    /// SHA-256 of everything but itself, at its end.
    pub digest: Hex<32>,
}

/// What is wrong with a file. `at` is how many bytes of it were good.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    #[error("it can't be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("it is no backup of Kayan: it does not begin with `{MAGIC}{FORMAT}`")]
    Foreign,
    #[error("its format is {0:?}, and this program knows format {FORMAT}; use a newer one")]
    Format(String),
    #[error("its header, the second line, was changed or is cut off: {0}")]
    Header(String),
    #[error("it is cut off: it ends after byte {at}, within block {block}")]
    Cut { block: u64, at: u64 },
    #[error("block {block}, at byte {at}, was changed: {why}")]
    Changed { block: u64, at: u64, why: &'static str },
    #[error("it names a table or a column that this program does not know; use a newer one")]
    UnknownTable,
    #[error("there is more behind its end, from byte {at}")]
    Added { at: u64 },
    #[error("it was changed: its digest, the last 32 bytes, is not that of what stands before it")]
    Digest,
    #[error("it is encrypted: name the file with its key with --key-file, or set KAYAN_BACKUP_KEY to the key")]
    NoKey,
    #[error("it was encrypted with another key than this one")]
    WrongKey,
    #[error(
        "it is not encrypted, and a key is given: whoever could write the file could write anything into it; leave out \
         --key-file and KAYAN_BACKUP_KEY if that is what you want"
    )]
    NotEncrypted,
}
