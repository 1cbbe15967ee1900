//! The SQLite driver: one writer with group commit, many readers.
//!
//! The file is kept in write-ahead mode, in which readers see the last commit and never wait for the writer. All writes
//! go through one thread, which commits the batches of many callers at once: the disk is asked once for all of them.

mod checkpoints;
mod dsn;
mod errors;
mod migration;
mod open;
mod readers;
mod values;
mod writer;

#[cfg(test)]
mod operators;
#[cfg(test)]
mod samples;

use std::{io, path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use kayan_sql::{
    ApplyError, ConnectionUse, Dialect, Driver, DriverError, MigrationLock, Query, Reading, Row, SqlStore, Statement,
    TakeRows,
};
use rusqlite::Connection;
use tokio::sync::Mutex;

pub use dsn::{Dsn, DsnError, Mode, Place};
pub use open::{OpenError, check};

use crate::{
    checkpoints::Checkpoints,
    open::{Opener, explain},
    readers::{Pool, Readers},
    writer::Writer,
};

/// How a database is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The largest number of connections that read, 2 or more; each may cache 4 MiB of pages.
    pub readers: usize,
    /// The largest number of batches that wait for the writer; more are refused as `Unavailable`.
    pub queue: usize,
    /// How long to wait for another process's lock.
    pub busy: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { readers: 8, queue: 4_096, busy: Duration::from_secs(5) }
    }
}

/// One open database.
#[derive(Debug)]
pub struct SqliteDriver {
    // before the connection, so that the queue is emptied while there is one
    writer: Writer,
    _checkpoints: Option<Checkpoints>,
    readers: Readers,
    connection: Arc<Mutex<Connection>>,
    busy: Duration,
}

/// A store on the database that `dsn` names, with default settings; not migrated.
pub fn open(dsn: &str) -> Result<SqlStore<SqliteDriver>, OpenError> {
    SqliteDriver::open(dsn, Settings::default()).map(SqlStore::new)
}

impl SqliteDriver {
    /// Opens the database that `dsn` names and makes it where the DSN says so; does not migrate it. Takes milliseconds.
    pub fn open(dsn: &str, settings: Settings) -> Result<Self, OpenError> {
        Self::open_as(&dsn.parse()?, settings)
    }

    /// Opens the database that `dsn` names to look at it: nothing in it is changed, and no file is made. One that is not
    /// there yet, but would be made, is an empty one in memory.
    pub fn look(dsn: &str, settings: Settings) -> Result<Self, OpenError> {
        let mut dsn: Dsn = dsn.parse()?;
        if let Place::File(path) = &dsn.place
            && dsn.mode == Mode::Create
            && !path.exists()
        {
            open::check_folder(path)?;
            dsn.place = Place::Memory;
        }
        dsn.mode = Mode::ReadOnly;
        Self::open_as(&dsn, settings)
    }

    fn open_as(dsn: &Dsn, settings: Settings) -> Result<Self, OpenError> {
        let opener = Opener::new(dsn, settings.busy)?;
        let mut connection = opener.writer()?;
        let place = match &dsn.place {
            Place::Memory => Path::new(":memory:"),
            Place::File(path) => path,
        };
        let failed = |error: io::Error| OpenError::Failed { path: place.to_owned(), why: error.to_string() };
        let second = opener.second_writer().map_err(|error| explain(place, &error))?;
        let checkpoints = second.map(|own| Checkpoints::start(&mut connection, own)).transpose().map_err(failed)?;
        let connection = Arc::new(Mutex::new(connection));
        let readers = if opener.in_memory() {
            Readers::One(Arc::clone(&connection))
        } else {
            Readers::Pool(Arc::new(Pool::new(opener, settings.readers).map_err(|error| explain(place, &error))?))
        };
        let writer = Writer::start(Arc::clone(&connection), settings.queue).map_err(failed)?;
        Ok(Self { writer, _checkpoints: checkpoints, readers, connection, busy: settings.busy })
    }

    /// How many transactions the writer has committed: fewer than batches, as batches share them.
    pub fn commits(&self) -> u64 {
        self.writer.commits()
    }
}

#[async_trait]
impl Driver for SqliteDriver {
    async fn read(&self, query: Query) -> Result<Vec<Row>, DriverError> {
        self.readers.read(query).await
    }

    async fn apply(&self, batch: Vec<Statement>) -> Result<(), ApplyError> {
        self.writer.apply(batch).await
    }

    async fn snapshot(&self, questions: Vec<Query>, take: &mut TakeRows<'_>) -> Result<(), DriverError> {
        self.readers.snapshot(questions, take).await
    }

    async fn lock(&self) -> Result<Box<dyn MigrationLock>, DriverError> {
        migration::lock(&self.connection, self.busy).await
    }

    /// Reads the file's first page: a `SELECT 1` would not touch it.
    async fn ping(&self) -> Result<(), DriverError> {
        let sql = "-- database.ping
SELECT COUNT(*) FROM sqlite_schema";
        self.readers.read(Query { sql, params: Vec::new(), reading: Reading::Point }).await.map(drop)
    }

    async fn writable(&self) -> Result<(), DriverError> {
        self.ping().await
    }

    async fn maintain(&self) -> Result<(), DriverError> {
        Ok(())
    }

    fn connections(&self) -> Option<ConnectionUse> {
        self.readers.usage()
    }

    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }
}
