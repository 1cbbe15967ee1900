//! The table `schema_migrations`: which migrations were applied, and when.

use std::collections::BTreeMap;

use kayan_ports::Timestamp;

use super::{MigrateError, Migration, MigrationState, MigrationStatus, newest_of};
use crate::{Dialect, DriverError, Query, Reading, Row};

/// A migration that was applied.
pub(super) struct Applied {
    name: String,
    pub(super) checksum: String,
    at: Timestamp,
}

impl Applied {
    pub(super) fn unknown(self, version: u32) -> MigrationStatus {
        let (name, checksum) = (self.name, self.checksum);
        MigrationStatus { version, name, applied_at: Some(self.at), state: MigrationState::Unknown, checksum }
    }
}

/// Refuses migrations that are unknown here, or were edited after they were applied.
pub(super) fn check(applied: &BTreeMap<u32, Applied>, known: &[Migration]) -> Result<(), MigrateError> {
    let newest = newest_of(known);
    if let Some((&database, _)) = applied.last_key_value().filter(|(version, _)| **version > newest) {
        return Err(MigrateError::Newer { database, known: newest });
    }
    let edited = |m: &&Migration| applied.get(&m.version).is_some_and(|row| row.checksum != m.checksum());
    match known.iter().find(edited) {
        Some(m) => Err(MigrateError::Edited { version: m.version, name: m.name.to_owned() }),
        None => Ok(()),
    }
}

pub(super) fn applied_query() -> Query {
    let sql = "-- migrations.list
SELECT version, name, checksum, applied_at FROM schema_migrations ORDER BY version";
    Query { sql, params: Vec::new(), reading: Reading::Scan }
}

pub(super) fn decode(rows: Vec<Row>) -> Result<BTreeMap<u32, Applied>, DriverError> {
    let row = |mut row: Row| {
        let version = row.int()?;
        let version = u32::try_from(version).map_err(|_| DriverError::Fault(format!("migration number {version}")))?;
        Ok((version, Applied { name: row.text()?, checksum: row.text()?, at: row.time()? }))
    };
    rows.into_iter().map(row).collect()
}

pub(super) fn bookkeeping_table(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "-- migrations.table
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    INTEGER NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    checksum   TEXT    NOT NULL, -- SHA-256 of the up script, hexadecimal
    applied_at INTEGER NOT NULL  -- microseconds since 1970-01-01 UTC
) STRICT"
        }
        Dialect::Postgres => {
            "-- migrations.table
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    bigint      NOT NULL PRIMARY KEY,
    name       text        NOT NULL,
    checksum   text        NOT NULL, -- SHA-256 of the up script, hexadecimal
    applied_at timestamptz NOT NULL
)"
        }
        Dialect::MySql => {
            "-- migrations.table
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    bigint      NOT NULL PRIMARY KEY,
    name       varchar(60) NOT NULL,
    checksum   char(64)    NOT NULL, -- SHA-256 of the up script, hexadecimal
    applied_at datetime(6) NOT NULL
)"
        }
    }
}
