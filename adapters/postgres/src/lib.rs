//! The PostgreSQL driver: pooled connections, one round trip for a read and one for a batch.
//!
//! A batch is sent whole, from BEGIN to COMMIT, before the first answer has come. Its guards are therefore checked by the
//! database: a statement that must change one row and does not raises an error, and COMMIT then rolls back. The function
//! that raises it is part of the schema.

mod dsn;
mod errors;
mod flight;
mod gathering;
mod lookups;
mod migration;
mod pool;
mod session;
mod snapshot;
mod statements;
mod tls;
mod values;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use async_trait::async_trait;
use kayan_sql::{
    ApplyError, ConnectionUse, Dialect, Driver, DriverError, MigrationLock, Query, READ_ONLY, Reading, Row, Statement,
    TakeRows,
};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::SimpleQueryMessage;

pub use dsn::{Dsn, DsnError};
pub use session::Mode;
pub use tls::TlsError;

use crate::{
    gathering::Gathering,
    pool::{Connections, Connector, Demoted},
    session::{Refused, Shared},
};

/// How often a batch is sent that keeps losing against other transactions.
const ATTEMPTS: usize = 4;
/// How long a list or a search may take while the database answers pings.
const SCAN: Duration = Duration::from_secs(30);
/// The timeout of a ping while a request is waiting.
const PULSE: Duration = Duration::from_millis(400);
/// The timeout of a ping otherwise.
const PING: Duration = Duration::from_secs(1);

/// How a database is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The largest number of connections, 1 or more.
    pub max_open: usize,
    /// The largest number of idle connections that are kept: those not used for a second.
    pub max_idle: usize,
    /// The age at which a connection is closed when it is not in use; `None`: never.
    pub max_lifetime: Option<Duration>,
    /// How statements are sent.
    pub statements: Mode,
    /// How long a request waits for a connection and the database's answer together, before it is `Unavailable`.
    pub patience: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_open: 25,
            max_idle: 5,
            max_lifetime: Some(Duration::from_mins(5)),
            statements: Mode::Prepared,
            patience: Duration::from_millis(1_500),
        }
    }
}

/// Why there is no driver for a DSN.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The DSN is invalid.
    #[error(transparent)]
    Dsn(#[from] DsnError),
    /// The encryption that it asks for is not possible.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The pool can't be created.
    #[error(transparent)]
    Pool(#[from] DriverError),
}

/// One database.
#[derive(Debug)]
pub struct PostgresDriver(Arc<Database>);

/// What concurrent callers share.
#[derive(Debug)]
struct Database {
    connections: Connections,
    gathering: Gathering,
    shared: Shared,
    patience: Duration,
}

impl PostgresDriver {
    /// A driver for the database that `dsn` names. It connects on first use, so that a database that is down is no error
    /// here; every query tries again. Call it within a tokio runtime.
    pub fn connect(dsn: &str, settings: Settings) -> Result<Self, ConnectError> {
        let Dsn { config, encryption } = dsn.parse()?;
        let tls = tls::connector(&encryption)?;
        let connector = Connector { tls, mode: encryption.mode, demoted: Demoted::default() };
        let connections = Connections::new(config, connector, &settings)?;
        let (gathering, shared) = (Gathering::default(), Shared::new(settings.statements));
        Ok(Self(Arc::new(Database { connections, gathering, shared, patience: settings.patience })))
    }

    /// The number of round trips, without those for connecting and migrating.
    pub fn round_trips(&self) -> u64 {
        self.0.shared.round_trips.load(Ordering::Relaxed)
    }
}

impl Database {
    /// Runs a query on a connection of its own.
    async fn ask(&self, query: &Query, deadline: Instant) -> Result<Vec<Row>, DriverError> {
        let mut lease = self.connections.lease(deadline).await?;
        let answer = timeout_at(deadline, self.shared.read(lease.client()?, query)).await;
        let answer = answer.map_err(|_elapsed| silent())?;
        lease.settle();
        answer
    }

    async fn pulse(&self, within: Duration) -> Result<(), DriverError> {
        let deadline = Instant::now() + within;
        let mut lease = self.connections.lease(deadline).await?;
        let sql = "-- database.ping\nSELECT 1";
        let answer = timeout_at(deadline, lease.client()?.simple_query(sql)).await;
        let answer = answer.map_err(|_elapsed| silent())?;
        lease.settle();
        answer.map(drop).map_err(|error| errors::store_error(&error, sql))
    }

    /// A standby shows the same as a server that was made read-only.
    async fn writable(&self) -> Result<(), DriverError> {
        let deadline = Instant::now() + PING;
        let mut lease = self.connections.lease(deadline).await?;
        let sql = "-- database.writable\nSHOW transaction_read_only";
        let answer = timeout_at(deadline, lease.client()?.simple_query(sql)).await;
        let answer = answer.map_err(|_elapsed| silent())?.map_err(|error| errors::store_error(&error, sql));
        lease.settle();
        let is_on =
            |message: &SimpleQueryMessage| matches!(message, SimpleQueryMessage::Row(row) if row.get(0) == Some("on"));
        if answer?.iter().any(is_on) {
            self.connections.distrust(&mut lease);
            return Err(DriverError::Unavailable(READ_ONLY.to_owned()));
        }
        Ok(())
    }
}

fn silent() -> DriverError {
    DriverError::Unavailable("the database does not answer in time".to_owned())
}

#[async_trait]
impl Driver for PostgresDriver {
    async fn read(&self, query: Query) -> Result<Vec<Row>, DriverError> {
        let database = &self.0;
        let deadline = Instant::now() + database.patience;
        match (query.reading, database.shared.mode) {
            (Reading::Point, Mode::Prepared) => return lookups::look_up(database, &query, deadline).await,
            // Lookups are batched by a prepared statement, and this mode has none.
            (Reading::Point, Mode::Unnamed) => return database.ask(&query, deadline).await,
            (Reading::Scan, _) => {}
        }
        let mut lease = database.connections.lease(deadline).await?;
        let answer = {
            let mut work = std::pin::pin!(database.shared.read(lease.client()?, &query));
            match timeout_at(deadline, &mut work).await {
                Ok(answer) => Some(answer),
                // A slow query, or a database that does not answer?
                Err(_) if database.pulse(PULSE).await.is_ok() => timeout(SCAN, work).await.ok(),
                Err(_) => None,
            }
        };
        let answer = answer.ok_or_else(silent)?;
        lease.settle();
        answer
    }

    async fn apply(&self, batch: Vec<Statement>) -> Result<(), ApplyError> {
        let Database { connections, shared, patience, .. } = &*self.0;
        let deadline = Instant::now() + *patience;
        let mut lease = connections.lease(deadline).await?;
        for attempt in 1..=ATTEMPTS {
            let outcome = timeout_at(deadline, shared.apply(lease.client()?, &batch, deadline)).await;
            match outcome.map_err(|_elapsed| silent())? {
                Err(Refused { again: true, .. }) if attempt < ATTEMPTS => {}
                // Nothing was applied. After a failover, a new connection may lead to the new primary.
                Err(Refused { read_only: true, .. }) if attempt < ATTEMPTS && connections.distrust(&mut lease) => {
                    drop(lease);
                    lease = connections.lease(deadline).await?;
                }
                outcome => {
                    lease.settle();
                    return outcome.map_err(|refused| refused.error);
                }
            }
        }
        Ok(())
    }

    async fn snapshot(&self, questions: Vec<Query>, take: &mut TakeRows<'_>) -> Result<(), DriverError> {
        snapshot::read(&self.0.connections, self.0.patience, &questions, take).await
    }

    async fn lock(&self) -> Result<Box<dyn MigrationLock>, DriverError> {
        migration::lock(&self.0.connections, self.0.patience).await
    }

    async fn ping(&self) -> Result<(), DriverError> {
        self.0.pulse(PING).await
    }

    async fn writable(&self) -> Result<(), DriverError> {
        self.0.writable().await
    }

    async fn maintain(&self) -> Result<(), DriverError> {
        let sql = "-- audit_events.make_partitions\nSELECT make_audit_partitions(12)::bigint";
        self.read(Query { sql, params: Vec::new(), reading: Reading::Scan }).await.map(drop)
    }

    fn connections(&self) -> Option<ConnectionUse> {
        Some(self.0.connections.usage())
    }

    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }
}
