//! The layout of a backup file.
//!
//! ```text
//! kayan backup 1                      the format and its version, one line
//! {"schema_version":9,"kayan":…}      the header, one line of JSON
//! block, block, …                     one byte: 1 for the last block, else 0; the length, 4 bytes; that many bytes
//! digest                              SHA-256 of all bytes before it
//! ```
//!
//! Numbers are big-endian. A block is compressed (zlib) and then, if there is a key, encrypted: AES-256-GCM with the block's
//! number (from 0) as nonce; the digest of the first two lines, the number, and whether the block is the last are the
//! associated data. The first byte of a block's content says what follows: `T`, JSON that names a table and its columns with
//! their kinds; `R`, rows of that table, each value after a byte that says what it is; `E`, only in the last block, JSON with
//! the number of rows of each table.

use std::{fmt, io};

use kayan_ports::Timestamp;
use kayan_sql::backup::Kind;
use serde::{Deserialize, Serialize};

/// How every file begins.
pub(crate) const MAGIC: &str = "kayan backup ";
/// The version of the format.
pub(crate) const FORMAT: &str = "1";
/// A block is closed when its content reaches this size, in bytes.
pub(crate) const BLOCK_SIZE: usize = 256 * 1024;
/// The longest block, compressed or not, in bytes; a row is far shorter.
pub(crate) const MAX_BLOCK: u64 = 1 << 28;
/// The longest of the first two lines, in bytes.
pub(crate) const MAX_LINE: u64 = 4_096;

// The first byte of a block's content.
pub(crate) const TABLE: u8 = b'T';
pub(crate) const ROWS: u8 = b'R';
pub(crate) const END: u8 = b'E';

/// What a file says about itself; readable without the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The number of the last migration that the database had.
    pub schema_version: u32,
    /// The version of the program that wrote it.
    pub kayan: String,
    /// When the backup was created.
    #[serde(with = "kayan_ports::timestamp")]
    pub created_at: Timestamp,
    /// The kind of database that it was taken from.
    pub database: String,
    /// How the blocks are encrypted; `None`: they are not.
    pub encryption: Option<Encryption>,
}

/// How the file's key is derived; both in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encryption {
    /// 32 random bytes.
    pub salt: Hex<32>,
    /// 16 bytes that only the right key leads to.
    pub check: Hex<16>,
}

/// `N` bytes, written in hexadecimal.
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
pub(crate) struct TableHead {
    /// Its name.
    pub(crate) table: String,
    /// The names of its columns, and the kind of each by its name.
    pub(crate) columns: Vec<(String, String)>,
}

impl TableHead {
    /// The kinds of its columns; `None` if one is unknown.
    pub(crate) fn kinds(&self) -> Option<Vec<Kind>> {
        self.columns.iter().map(|(_, kind)| Kind::from_name(kind)).collect()
    }
}

/// The number of rows of each table, empty tables included.
pub type Counts = Vec<(String, u64)>;

/// What the end of a file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The numbers of rows.
    pub counts: Counts,
    /// SHA-256 of everything before it.
    pub digest: Hex<32>,
}

/// What a whole file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Its beginning.
    pub header: Header,
    /// Its end.
    pub summary: Summary,
}

/// Why a file can't be read. `at` is the number of bytes before the first wrong one.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Reading failed.
    #[error("it can't be read: {0}")]
    Unreadable(#[from] io::Error),
    /// It is something else.
    #[error("it is no backup of Kayan: it does not begin with `{MAGIC}{FORMAT}`")]
    Foreign,
    /// It has another version of the format.
    #[error("its format is {0:?}, and this program knows format {FORMAT}; use a newer one")]
    Format(String),
    /// The header is not as it was written.
    #[error("its header, the second line, was changed or is cut off: {0}")]
    Header(String),
    /// It ends too early.
    #[error("it is cut off: it ends after byte {at}, within block {block}")]
    Cut {
        /// The block, from 0.
        block: u64,
        /// Where it ends.
        at: u64,
    },
    /// A block is not as it was written.
    #[error("block {block}, at byte {at}, was changed: {why}")]
    Changed {
        /// The block, from 0.
        block: u64,
        /// Where the block begins.
        at: u64,
        /// What is wrong.
        why: &'static str,
    },
    /// A table or a column is unknown.
    #[error("it names a table or a column that this program does not know; use a newer one")]
    UnknownTable,
    /// There are bytes after its end.
    #[error("there is more behind its end, from byte {at}")]
    Added {
        /// Where it should end.
        at: u64,
    },
    /// The digest is not that of the file.
    #[error("it was changed: its digest, the last 32 bytes, is not that of what stands before it")]
    Digest,
    /// There is no key to decrypt it with.
    #[error("it is encrypted")]
    NoKey,
    /// The key is not the file's.
    #[error("it was encrypted with another key than this one")]
    WrongKey,
    /// There is a key, and the file has none: anyone who could write the file could have written anything into it.
    #[error("it is not encrypted, and a key is given")]
    NotEncrypted,
    /// This program can't restore its schema.
    #[error(
        "its schema is at version {version}, and this program knows versions {oldest} to {newest}; restore it with kayan \
         {kayan}, which has written it, or a newer one"
    )]
    Schema {
        /// The version of its schema.
        version: u32,
        /// The oldest known.
        oldest: u32,
        /// The newest known.
        newest: u32,
        /// The version of the program that wrote it.
        kayan: String,
    },
    /// Read a second time, it was not what it was.
    #[error("it was changed meanwhile")]
    ChangedMeanwhile,
}
