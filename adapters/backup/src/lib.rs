//! The backup file: created from one database, verified, and restored into a database of any kind.
//!
//! `format.rs` describes the file byte by byte.

mod create;
mod format;
mod read;
mod restore;
mod seal;
mod values;
mod write;

pub use crate::{
    create::{CreateError, create},
    format::{Contents, Counts, Encryption, Header, Hex, ReadError, Summary},
    read::verify,
    restore::{LoadError, Verified, verify_for_restore},
};
