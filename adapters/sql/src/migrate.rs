//! Migrates a database's schema up and down.

mod apply;
mod bookkeeping;
mod create;
mod error;
mod foreign;
mod header;
mod plan;

use std::{collections::BTreeMap, fmt::Write as _};

use kayan_ports::Timestamp;
use sha2::{Digest, Sha256};

use crate::{Dialect, Driver};
use bookkeeping::Applied;

pub(crate) use apply::up_locked;
pub use apply::{down, up};
pub use create::create;
pub use error::MigrateError;
pub use header::{Header, Lock, lock_kinds, tables};
pub use plan::{Plan, Planned, plan};

include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// One step of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// Its number, from 1.
    pub version: u32,
    /// Its name, `[a-z0-9_]{1,60}`.
    pub name: &'static str,
    /// The script that applies it.
    pub up: &'static str,
    /// The script that takes it back.
    pub down: &'static str,
}

impl Migration {
    /// SHA-256 of the `up` script without its header, in hexadecimal.
    pub fn checksum(&self) -> String {
        let mut hex = String::with_capacity(64);
        for byte in Sha256::digest(header::body(self.up)) {
            // writing to a string cannot fail
            let _ = write!(hex, "{byte:02x}");
        }
        hex
    }
}

/// The migrations built into this program for a dialect, by number.
pub fn embedded(dialect: Dialect) -> &'static [Migration] {
    match dialect {
        Dialect::Sqlite => SQLITE,
        Dialect::Postgres => POSTGRES,
        Dialect::MySql => MYSQL,
    }
}

/// The number of the newest one, which is the same for every dialect.
pub fn newest() -> u32 {
    newest_of(SQLITE)
}

fn newest_of(known: &[Migration]) -> u32 {
    known.last().map_or(0, |migration| migration.version)
}

/// Where a migration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationState {
    /// Known, not applied.
    Pending,
    /// Applied as it is known.
    Applied,
    /// Applied, and its file changed since.
    Edited,
    /// Applied by a newer program than this.
    Unknown,
}

impl MigrationState {
    /// The word for it in the status table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Applied => "applied",
            Self::Edited => "edited",
            Self::Unknown => "unknown",
        }
    }
}

/// One line of the status table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Its number.
    pub version: u32,
    /// Its name.
    pub name: String,
    /// When it was applied, if it was.
    pub applied_at: Option<Timestamp>,
    /// Where it stands.
    pub state: MigrationState,
    /// The checksum it was applied with, or else the one it has: SHA-256 in hexadecimal.
    pub checksum: String,
}

/// Every migration that is known or applied, by number. Refuses a database that is another program's. Changes nothing.
pub async fn status(driver: &dyn Driver, known: &[Migration]) -> Result<Vec<MigrationStatus>, MigrateError> {
    Ok(compare(foreign::look(driver, known).await?, known))
}

/// The same in two short reads, for health checks: does not check whether the database is another program's.
pub async fn recorded_status(driver: &dyn Driver, known: &[Migration]) -> Result<Vec<MigrationStatus>, MigrateError> {
    Ok(compare(foreign::recorded(driver).await?, known))
}

fn compare(applied: BTreeMap<u32, Applied>, known: &[Migration]) -> Vec<MigrationStatus> {
    let mut lines: BTreeMap<u32, MigrationStatus> =
        applied.into_iter().map(|(version, row)| (version, row.unknown(version))).collect();
    for migration in known {
        let checksum = migration.checksum();
        let line = lines.entry(migration.version).or_insert_with(|| MigrationStatus {
            version: migration.version,
            name: migration.name.to_owned(),
            applied_at: None,
            state: MigrationState::Pending,
            checksum: checksum.clone(),
        });
        if line.applied_at.is_some() {
            let same = line.checksum == checksum;
            line.state = if same { MigrationState::Applied } else { MigrationState::Edited };
        }
    }
    lines.into_values().collect()
}
