//! The small trait that a database driver implements.

use std::{ops::ControlFlow, sync::Arc};

use async_trait::async_trait;
use kayan_ports::{CommitError, Failure};

use crate::{Row, Value};

/// The reason that a driver gives when a database answers but takes no writes.
pub const READ_ONLY: &str = "the database is read-only: a standby, or made so";

/// The dialects of SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    MySql,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 3] = [Self::Sqlite, Self::Postgres, Self::MySql];

    /// The folder under `migrations/` that holds its files.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::MySql => "mysql",
        }
    }
}

/// How much of the database a query touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// A few rows found by unique index: microseconds.
    Point,
    /// Anything more: a list, a search, a count.
    Scan,
}

/// A query.
#[derive(Debug, Clone)]
pub struct Query {
    /// One `SELECT` with `?` for each parameter; its first line is its signature, as in `-- sessions.presented`.
    pub sql: &'static str,
    /// One value for each `?`.
    pub params: Vec<Value>,
    /// How much it touches.
    pub reading: Reading,
}

/// How many rows a statement must match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Exactly one; anything else is a broken guard.
    One,
    /// Any number.
    Any,
}

/// One write.
#[derive(Debug, Clone)]
pub struct Statement {
    /// One `INSERT`, `UPDATE` or `DELETE` with `?` for each parameter; its first line is its signature.
    pub sql: &'static str,
    /// One value for each `?`.
    pub params: Vec<Value>,
    /// How many rows it must match: those found, whether or not their values differ afterwards.
    pub expect: Expect,
}

/// A statement's name, from its first line: `sessions.presented`. Never other parts of its text.
pub fn signature(sql: &str) -> &str {
    let line = sql.strip_prefix("-- ").unwrap_or(sql);
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '.';
    match line.find(|c| !is_plain(c)).map_or(line, |end| line.get(..end).unwrap_or_default()) {
        "" => "an unsigned statement",
        name => name,
    }
}

/// Why a query failed. The text is for the operator's log, never for a client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DriverError {
    /// The database can't be reached or is too busy; the same query may succeed later.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// A text holds a NUL character (U+0000), which not every database keeps. No database was asked.
    #[error("a text holds a NUL character")]
    Nul,
    /// The database answered something unexpected: a bug or a damaged row. Another attempt won't help.
    #[error("the database answered something unexpected: {0}")]
    Fault(String),
}

impl From<DriverError> for Failure {
    fn from(error: DriverError) -> Self {
        match error {
            DriverError::Unavailable(_) => Self::Unavailable(error.to_string()),
            DriverError::Nul => Self::Nul,
            DriverError::Fault(_) => Self::Fault(error.to_string()),
        }
    }
}

impl From<DriverError> for CommitError {
    fn from(error: DriverError) -> Self {
        Self::Failed(error.into())
    }
}

/// Why a batch was not applied. In every case nothing of it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The statement at this position (from 0) did not match the one row it expected.
    #[error("statement {0} did not match the one row it expected")]
    Guard(usize),
    /// The statement at this position (from 0) met a primary key or a unique index.
    #[error("statement {0} met a row with the same key")]
    Unique(usize),
    /// The database can't be reached or is too busy.
    #[error("{0}")]
    Unavailable(String),
    /// A text holds a NUL character.
    #[error("a text holds a NUL character")]
    Nul,
    /// Anything else.
    #[error("{0}")]
    Fault(String),
}

impl From<DriverError> for ApplyError {
    fn from(error: DriverError) -> Self {
        match error {
            DriverError::Unavailable(why) => Self::Unavailable(why),
            DriverError::Nul => Self::Nul,
            DriverError::Fault(why) => Self::Fault(why),
        }
    }
}

/// How the connections of a driver are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionUse {
    /// In use.
    pub in_use: usize,
    /// Open and idle.
    pub idle: usize,
    /// Queries and batches that wait for one.
    pub waiting: usize,
    /// The limit.
    pub max: usize,
}

/// Receives the rows of a snapshot as they arrive: the number of their query (from 0), and at most [`PIECE`] rows. Returns
/// whether to go on.
pub type TakeRows<'t> = dyn FnMut(usize, Vec<Row>) -> ControlFlow<()> + Send + 't;

/// How many rows of a snapshot are in memory at once: a seal over the audit trail is a quarter of a megabyte.
pub const PIECE: usize = 64;

/// A database.
///
/// An implementor must
/// - bind each [`Value`] as its database's own type, keep whole microseconds and bytes exactly, and compare text by its
///   bytes;
/// - apply a batch in order in one transaction, durably, stopping at the first statement that fails, so that of parallel
///   batches with the same guard exactly one succeeds;
/// - show every read what was applied before it began;
/// - answer `Unavailable` rather than hang, and leave nothing behind when the calling future is dropped;
/// - put no parameter's value, SQL text, host name or path into an error's text.
#[async_trait]
pub trait Driver: Send + Sync + 'static {
    /// Runs a query.
    async fn read(&self, query: Query) -> Result<Vec<Row>, DriverError>;

    /// Applies the statements in one transaction.
    async fn apply(&self, batch: Vec<Statement>) -> Result<(), ApplyError>;

    /// Runs these queries one after the other, all as of one moment, and hands the rows over while it reads them, so that
    /// memory does not grow with them. Has no time limit; blocks no writer.
    async fn snapshot(&self, questions: Vec<Query>, take: &mut TakeRows<'_>) -> Result<(), DriverError>;

    /// Takes the migration lock, and waits about a minute for it at most: one holder at a time, over all processes. It is
    /// released when its holder dies.
    async fn lock(&self) -> Result<Box<dyn MigrationLock>, DriverError>;

    /// Pings the database; takes about a second at most.
    async fn ping(&self) -> Result<(), DriverError>;

    /// Checks that the database takes writes; takes about a second at most. [`READ_ONLY`] when it answers and takes none.
    async fn writable(&self) -> Result<(), DriverError>;

    /// Does what its database needs from time to time, such as making next month's partitions; most need nothing.
    async fn maintain(&self) -> Result<(), DriverError>;

    /// How its connections are used now; `None` without a pool.
    fn connections(&self) -> Option<ConnectionUse>;

    /// The dialect of its SQL.
    fn dialect(&self) -> Dialect;
}

/// A shared driver is a driver: the store, the migrations and the health checks hold the same one.
#[async_trait]
impl<D: Driver + ?Sized> Driver for Arc<D> {
    async fn read(&self, query: Query) -> Result<Vec<Row>, DriverError> {
        (**self).read(query).await
    }

    async fn apply(&self, batch: Vec<Statement>) -> Result<(), ApplyError> {
        (**self).apply(batch).await
    }

    async fn snapshot(&self, questions: Vec<Query>, take: &mut TakeRows<'_>) -> Result<(), DriverError> {
        (**self).snapshot(questions, take).await
    }

    async fn lock(&self) -> Result<Box<dyn MigrationLock>, DriverError> {
        (**self).lock().await
    }

    async fn ping(&self) -> Result<(), DriverError> {
        (**self).ping().await
    }

    async fn writable(&self) -> Result<(), DriverError> {
        (**self).writable().await
    }

    async fn maintain(&self) -> Result<(), DriverError> {
        (**self).maintain().await
    }

    fn connections(&self) -> Option<ConnectionUse> {
        (**self).connections()
    }

    fn dialect(&self) -> Dialect {
        (**self).dialect()
    }
}

/// The migration lock, and the connection that holds it.
#[async_trait]
pub trait MigrationLock: Send {
    /// Runs a query; sees what this lock has run.
    async fn read(&mut self, query: Query) -> Result<Vec<Row>, DriverError>;

    /// Runs a script of any number of statements and then the bookkeeping, in one transaction where the database's
    /// schema changes allow it. What fails leaves nothing behind, and the lock good for more.
    async fn run(&mut self, script: &str, bookkeeping: Option<Statement>) -> Result<(), DriverError>;

    /// Runs a statement once for each of these lists of parameters. With everything else that is written so, it becomes
    /// durable on release, or on a database that commits each change of the schema by itself, with the next script. One that
    /// fails leaves the lock good for nothing but to be dropped, which takes back everything.
    async fn write(&mut self, sql: &'static str, rows: Vec<Vec<Value>>) -> Result<(), DriverError>;

    /// Releases the lock. What ran is durable only when this succeeds; a lock dropped without it may lose the steps that it
    /// ran, each of them whole.
    async fn release(self: Box<Self>) -> Result<(), DriverError>;
}
