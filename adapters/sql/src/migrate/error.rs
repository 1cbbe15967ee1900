//! Why a schema was not changed.

use std::{io, path::PathBuf};

use crate::DriverError;

/// Why the schema was not changed as asked.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A file changed after it was applied.
    #[error(
        "migration {version:04}_{name} was edited after it was applied; put the file back as it was and write the change \
         into a new one: kayan migrate create NAME"
    )]
    Edited {
        /// The file's number.
        version: u32,
        /// The file's name.
        name: String,
    },
    /// The database was migrated by a newer program.
    #[error(
        "the database's schema is at version {database}, this program knows versions up to {known}; run the newer \
         program, or with it kayan migrate down first"
    )]
    Newer {
        /// The newest version applied.
        database: u32,
        /// The newest version known.
        known: u32,
    },
    /// A table has a name of ours, and no migration of ours has made it.
    #[error(
        "the table {table} is there already and is another program's; give Kayan a database of its own (SQLite: a file; \
         PostgreSQL: or a schema, with ?options=-csearch_path%3Dkayan in KAYAN_DB_DSN)"
    )]
    ForeignTable {
        /// Its name.
        table: String,
    },
    /// The server only speaks the protocol of a database that Kayan works with.
    #[error(
        "the database is {product}, with which Kayan can't work: {why}; name a database on {wanted} in KAYAN_DB_DSN"
    )]
    Unusable {
        /// What it is.
        product: &'static str,
        /// Why that does not do.
        why: &'static str,
        /// What does.
        wanted: &'static str,
    },
    /// The database has an encoding in which not every text can be kept.
    #[error(
        "the database's encoding is {encoding}, which can't keep every text; make another one: createdb --encoding=UTF8 \
         --template=template0 NAME, and name it in KAYAN_DB_DSN"
    )]
    Encoding {
        /// The encoding, as the database calls it.
        encoding: String,
    },
    /// A file's header is missing or wrong.
    #[error("migration {version:04}_{name}: {why}")]
    Header {
        /// The file's number.
        version: u32,
        /// The file's name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is no migration of that number.
    #[error("there is no migration {asked}; the newest is {known}")]
    NoSuchVersion {
        /// The number asked for.
        asked: u32,
        /// The newest version known.
        known: u32,
    },
    /// A script failed; nothing of it stayed where the database can undo schema changes.
    #[error("migration {version:04}_{name} failed: {why}")]
    Failed {
        /// Its number.
        version: u32,
        /// Its name.
        name: String,
        /// What the database said.
        why: DriverError,
    },
    /// A new migration's name does not do.
    #[error("a migration's name is 1 to 60 characters of a-z, 0-9 and '_', not {name:?}")]
    BadName {
        /// The name.
        name: String,
    },
    /// A new migration's file could not be written; none is ever overwritten.
    #[error("{}: {why}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] DriverError),
}
