//! The MySQL and MariaDB driver: a pool, one round trip for a read and one for a batch.
//!
//! Statements are sent as text with their parameters written into them as literals that nothing can break out of, so a
//! whole transaction is one message: begin, statements, guards, commit. A connection is used again only when it is known
//! to be in order; one whose future was dropped is closed at once, and the server rolls back what it was doing.

mod dial;
mod dsn;
mod errors;
mod literals;
mod migration;
mod pool;
mod rows;
mod script;
mod snapshot;

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use kayan_sql::{
    ApplyError, ConnectionUse, Dialect, Driver, DriverError, MigrationLock, Query, READ_ONLY, Reading, Row, SqlStore,
    Statement, TakeRows, signature,
};
use mysql_async::prelude::Queryable as _;
use tokio::time::{sleep, timeout};

pub use dsn::{Dsn, DsnError, Place, Tls};

use crate::{
    dial::Dialer,
    errors::{Verdict, store_error, verdict},
    pool::{Lease, Pool},
    script::{Failed, Script, roll_back},
};

/// How long a request may take, waiting for a connection included: below the two seconds after which a client is told
/// that the service is unavailable.
const PATIENCE: Duration = Duration::from_millis(1_800);
/// How long a scan may take, as long as the server is alive: as long as it works on one statement.
const SCAN: Duration = Duration::from_secs(30);
/// How often the server is pinged during a scan.
const PULSE: Duration = Duration::from_millis(900);
/// How often a batch is sent that keeps losing against other transactions.
const TRIES: u32 = 12;

/// How a server is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The largest number of connections, 1 or more.
    pub max_open: usize,
    /// The largest number of idle connections that are kept; never more than `max_open`.
    pub max_idle: usize,
    /// The age at which a connection is closed; zero: never.
    pub max_lifetime: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_open: 25, max_idle: 5, max_lifetime: Duration::from_mins(5) }
    }
}

/// Why there is no driver. No message names the setting that holds the DSN.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The DSN is invalid.
    #[error(transparent)]
    Dsn(#[from] DsnError),
    /// The file of authorities can't be read.
    #[error("tls-ca: {}: {why}; let the service's user read it, or correct the path", path.display())]
    AuthoritiesUnread {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// There is no certificate in the file of authorities.
    #[error("tls-ca: {} holds no certificate; name a PEM file that does", .0.display())]
    NoAuthorities(PathBuf),
}

/// The way to one database on one server.
#[derive(Debug)]
pub struct MysqlDriver {
    pool: Arc<Pool>,
    round_trips: AtomicU64,
}

/// A store on the database that `dsn` names, with default settings; not migrated, not even connected.
pub fn open(dsn: &str) -> Result<SqlStore<MysqlDriver>, ConnectError> {
    MysqlDriver::connect(dsn, Settings::default()).map(SqlStore::new)
}

impl MysqlDriver {
    /// Prepares to use the database that `dsn` names. Connections are made when they are needed, so that a server that is
    /// down is no error here, and is used as soon as it is up.
    pub fn connect(dsn: &str, settings: Settings) -> Result<Self, ConnectError> {
        let dialer = Dialer::new(&dsn.parse()?, PATIENCE)?;
        Ok(Self { pool: Pool::new(dialer, &settings), round_trips: AtomicU64::new(0) })
    }

    /// The number of round trips, without those for connecting and for pinging a connection that was idle for more than five
    /// seconds.
    pub fn round_trips(&self) -> u64 {
        self.round_trips.load(Ordering::Relaxed)
    }

    fn count(&self) {
        self.round_trips.fetch_add(1, Ordering::Relaxed);
    }

    async fn lease(&self) -> Result<Lease, DriverError> {
        let busy = || DriverError::Unavailable("no connection came free in time".to_owned());
        timeout(PATIENCE, self.pool.lease()).await.map_err(|_| busy())?
    }

    async fn answer(&self, sql: &str, signed: &str) -> Result<Vec<Row>, DriverError> {
        loop {
            let mut lease = self.lease().await?;
            self.count();
            match lease.connection()?.query::<mysql_async::Row, _>(sql).await {
                Ok(rows) => {
                    lease.give_back();
                    return rows.into_iter().map(rows::decode).collect();
                }
                Err(error) if verdict(&error) == Verdict::Lost => {
                    self.pool.forget();
                    // A query may be sent twice, which helps only if the connection was cut off while it was idle.
                    if !lease.was_idle() {
                        return Err(errors::lost());
                    }
                }
                Err(error) => {
                    lease.give_back();
                    return Err(store_error(&error, signed));
                }
            }
        }
    }

    /// Ends when the server stops accepting connections.
    async fn watch(&self) -> DriverError {
        loop {
            sleep(PULSE).await;
            if self.pool.pulse().await == Some(false) {
                return silent();
            }
        }
    }

    async fn attempts(&self, script: &Script) -> Result<(), ApplyError> {
        let mut tried = 0;
        loop {
            tried += 1;
            match self.attempt(script).await {
                // Nothing was applied. After a failover, a new connection may lead to the new primary.
                Err(Failed::ReadOnly { renew: true }) if tried < TRIES => {}
                Err(Failed::ReadOnly { .. }) => return Err(ApplyError::Unavailable(READ_ONLY.to_owned())),
                Err(Failed::Again(_)) if tried < TRIES => sleep(Duration::from_millis(u64::from(tried))).await,
                Err(Failed::Again(why) | Failed::Finally(why)) => return Err(why),
                Err(Failed::Lost) => return Err(errors::lost().into()),
                Ok(()) => return Ok(()),
            }
        }
    }

    async fn attempt(&self, script: &Script) -> Result<(), Failed> {
        let finally = |error: DriverError| Failed::Finally(error.into());
        let mut lease = self.lease().await.map_err(finally)?;
        let connection = lease.connection().map_err(finally)?;
        self.count();
        let mut outcome = script.run(connection).await;
        if let Err(Failed::ReadOnly { renew }) = &mut outcome {
            let Some(kept) = self.pool.distrust(lease) else {
                *renew = true;
                return outcome;
            };
            lease = kept;
        }
        let connection = lease.connection().map_err(finally)?;
        let in_order = match &outcome {
            Ok(()) => true,
            Err(Failed::Lost) => false,
            Err(Failed::Again(_) | Failed::Finally(_) | Failed::ReadOnly { .. }) => {
                self.count();
                roll_back(connection).await.is_ok()
            }
        };
        if in_order {
            lease.give_back();
        } else {
            self.pool.forget();
        }
        outcome
    }
}

fn silent() -> DriverError {
    DriverError::Unavailable("the server does not answer".to_owned())
}

#[async_trait]
impl Driver for MysqlDriver {
    async fn read(&self, query: Query) -> Result<Vec<Row>, DriverError> {
        let signed = signature(query.sql);
        let sql = literals::written(query.sql, &query.params)?;
        match query.reading {
            Reading::Point => timeout(PATIENCE, self.answer(&sql, signed)).await.unwrap_or_else(|_| Err(silent())),
            Reading::Scan => tokio::select! {
                answer = timeout(SCAN, self.answer(&sql, signed)) => answer.unwrap_or_else(|_| Err(silent())),
                dead = self.watch() => Err(dead),
            },
        }
    }

    async fn apply(&self, batch: Vec<Statement>) -> Result<(), ApplyError> {
        let script = Script::of(&batch)?;
        timeout(PATIENCE, self.attempts(&script)).await.unwrap_or_else(|_| Err(silent().into()))
    }

    async fn snapshot(&self, questions: Vec<Query>, take: &mut TakeRows<'_>) -> Result<(), DriverError> {
        snapshot::read(self.pool.dialer(), &questions, take).await
    }

    async fn lock(&self) -> Result<Box<dyn MigrationLock>, DriverError> {
        migration::lock(self.pool.dialer()).await
    }

    async fn ping(&self) -> Result<(), DriverError> {
        let alive = async {
            let mut lease = self.lease().await?;
            if lease.connection()?.ping().await.is_err() {
                self.pool.forget();
                return Err(errors::lost());
            }
            lease.give_back();
            Ok(())
        };
        timeout(Duration::from_secs(1), alive).await.unwrap_or_else(|_| Err(silent()))
    }

    async fn writable(&self) -> Result<(), DriverError> {
        let asked = async {
            let mut lease = self.lease().await?;
            // Refused where `read_only` is set, unless the user may write all the same.
            let sql = "-- database.writable\nSTART TRANSACTION READ WRITE; ROLLBACK";
            let answer = lease.connection()?.query_drop(sql).await;
            match answer.as_ref().map_err(verdict) {
                Err(Verdict::Lost) => self.pool.forget(),
                Err(Verdict::ReadOnly) => {
                    if let Some(lease) = self.pool.distrust(lease) {
                        lease.give_back();
                    }
                }
                _ => lease.give_back(),
            }
            answer.map_err(|error| store_error(&error, sql))
        };
        timeout(Duration::from_secs(1), asked).await.unwrap_or_else(|_| Err(silent()))
    }

    async fn maintain(&self) -> Result<(), DriverError> {
        Ok(())
    }

    fn connections(&self) -> Option<ConnectionUse> {
        Some(self.pool.usage())
    }

    fn dialect(&self) -> Dialect {
        Dialect::MySql
    }
}
