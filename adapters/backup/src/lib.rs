//! The backup file: written from one database, checked, and restored into another of any kind.

mod format;
mod read;
mod seal;
mod values;
mod write;

pub use crate::{
    format::{Damage, Encryption, Header, Hex, Summary, TableHead},
    read::{Item, Reader, read_all},
    seal::FileKey,
    write::Writer,
};
