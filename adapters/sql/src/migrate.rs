//! Brings a database's schema to the version that this program knows, and back.

mod create;
mod foreign;
mod header;
mod plan;

use std::{collections::BTreeMap, fmt::Write as _, io, path::PathBuf};

use kayan_ports::Timestamp;
use sha2::{Digest, Sha256};

use crate::{Dialect, Driver, DriverError, Expect, MigrationLock, Query, Reading, Row, Statement, Value};

pub use create::create;
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

/// Every migration that is known or applied, by number. Refuses a database that is another program's. Changes nothing.
pub async fn status(driver: &dyn Driver, known: &[Migration]) -> Result<Vec<MigrationStatus>, MigrateError> {
    Ok(compare(foreign::look(driver, known).await?, known))
}

/// The same in two short reads, for health checks: does not look whether the database is another program's.
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

/// Applies what is pending, up to and including version `to`, and answers how many that were. `done` hears of each.
///
/// Two processes may do this at once: one waits for the other and finds nothing left to do.
pub async fn up(
    driver: &dyn Driver,
    known: &[Migration],
    to: Option<u32>,
    at: Timestamp,
    done: &mut (dyn FnMut(&Migration) + Send),
) -> Result<usize, MigrateError> {
    let to = check_version(known, to)?;
    foreign::look(driver, known).await?;
    let mut lock = driver.lock().await?;
    let outcome = up_locked(&mut *lock, driver.dialect(), known, (to, at), done).await;
    let released = lock.release().await;
    let count = outcome?;
    released?;
    Ok(count)
}

/// The version to stop at: the newest unless another one that there is was asked for.
fn check_version(known: &[Migration], to: Option<u32>) -> Result<u32, MigrateError> {
    let newest = newest_of(known);
    match to {
        Some(asked) if asked > newest => Err(MigrateError::NoSuchVersion { asked, known: newest }),
        to => Ok(to.unwrap_or(newest)),
    }
}

/// Applies what is pending up to this version, for somebody who has the lock and keeps it.
pub(crate) async fn up_locked(
    lock: &mut dyn MigrationLock,
    dialect: Dialect,
    known: &[Migration],
    (to, at): (u32, Timestamp),
    done: &mut (dyn FnMut(&Migration) + Send),
) -> Result<usize, MigrateError> {
    lock.run(bookkeeping_table(dialect), None).await?;
    let applied = decode(lock.read(applied_query()).await?)?;
    check(&applied, known)?;
    let mut count = 0;
    for migration in known.iter().filter(|m| m.version <= to && !applied.contains_key(&m.version)) {
        let params =
            vec![Value::Int(migration.version.into()), migration.name.into(), migration.checksum().into(), at.into()];
        let sql = "-- migrations.applied
INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (?, ?, ?, ?)";
        step(lock, migration, migration.up, Statement { sql, params, expect: Expect::One }).await?;
        done(migration);
        count += 1;
    }
    Ok(count)
}

/// Takes back the newest `steps` migrations, newest first, and answers how many that were. `done` hears of each.
pub async fn down(
    driver: &dyn Driver,
    known: &[Migration],
    steps: u32,
    done: &mut (dyn FnMut(&Migration) + Send),
) -> Result<usize, MigrateError> {
    foreign::look(driver, known).await?;
    let mut lock = driver.lock().await?;
    let outcome = down_locked(&mut *lock, driver.dialect(), known, steps, done).await;
    let released = lock.release().await;
    let count = outcome?;
    released?;
    Ok(count)
}

async fn down_locked(
    lock: &mut dyn MigrationLock,
    dialect: Dialect,
    known: &[Migration],
    steps: u32,
    done: &mut (dyn FnMut(&Migration) + Send),
) -> Result<usize, MigrateError> {
    lock.run(bookkeeping_table(dialect), None).await?;
    let applied = decode(lock.read(applied_query()).await?)?;
    check(&applied, known)?;
    let mut count = 0;
    let newest_first = known.iter().rev().filter(|m| applied.contains_key(&m.version));
    for migration in newest_first.take(usize::try_from(steps).unwrap_or(usize::MAX)) {
        let sql = "-- migrations.taken_back
DELETE FROM schema_migrations WHERE version = ?";
        let params = vec![Value::Int(migration.version.into())];
        step(lock, migration, migration.down, Statement { sql, params, expect: Expect::One }).await?;
        done(migration);
        count += 1;
    }
    Ok(count)
}

async fn step(
    lock: &mut dyn MigrationLock,
    migration: &Migration,
    script: &str,
    bookkeeping: Statement,
) -> Result<(), MigrateError> {
    lock.run(script, Some(bookkeeping)).await.map_err(|why| MigrateError::Failed {
        version: migration.version,
        name: migration.name.to_owned(),
        why,
    })
}

struct Applied {
    name: String,
    checksum: String,
    at: Timestamp,
}

impl Applied {
    fn unknown(self, version: u32) -> MigrationStatus {
        let (name, checksum) = (self.name, self.checksum);
        MigrationStatus { version, name, applied_at: Some(self.at), state: MigrationState::Unknown, checksum }
    }
}

/// Whether what was applied is what is known.
fn check(applied: &BTreeMap<u32, Applied>, known: &[Migration]) -> Result<(), MigrateError> {
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

fn applied_query() -> Query {
    let sql = "-- migrations.list
SELECT version, name, checksum, applied_at FROM schema_migrations ORDER BY version";
    Query { sql, params: Vec::new(), reading: Reading::Scan }
}

fn decode(rows: Vec<Row>) -> Result<BTreeMap<u32, Applied>, DriverError> {
    let row = |mut row: Row| {
        let version = row.int()?;
        let version = u32::try_from(version).map_err(|_| DriverError::Fault(format!("migration number {version}")))?;
        Ok((version, Applied { name: row.text()?, checksum: row.text()?, at: row.time()? }))
    };
    rows.into_iter().map(row).collect()
}

fn bookkeeping_table(dialect: Dialect) -> &'static str {
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
