//! The connections that read.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use kayan_sql::{ConnectionUse, DriverError, PIECE, Query, Reading, Row, TakeRows, Waiting};
use rusqlite::Connection;
use tokio::{
    sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore, mpsc},
    task::spawn_blocking,
    time::timeout,
};

use crate::{
    errors::store_error,
    open::Opener,
    values::{answer, each},
};

/// How long a query waits for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs queries: on a file by a pool of connections, in memory by the only connection.
///
/// Memory that several connections share has table locks instead of snapshots: readers would fail while the writer
/// works. Taking turns on one connection is right under any load and quick without a disk.
#[derive(Debug)]
pub(crate) enum Readers {
    Pool(Arc<Pool>),
    One(Arc<Mutex<Connection>>),
}

impl Readers {
    pub(crate) async fn read(&self, query: Query) -> Result<Vec<Row>, DriverError> {
        let mut connection = self.take(query.reading).await?;
        match query.reading {
            // Right here: finding a row in the page cache takes microseconds, less than handing the query to another
            // thread. A page that must come from the disk blocks this worker for that long, as a page fault would.
            Reading::Point => connection.read(&query),
            Reading::Scan => spawn_blocking(move || connection.read(&query))
                .await
                .unwrap_or_else(|_| Err(DriverError::Fault("a reader panicked".to_owned()))),
        }
    }

    /// Reads on a thread of its own, a piece or two ahead of the receiver. A transaction that only reads sees the file as of
    /// its first query.
    pub(crate) async fn snapshot(&self, questions: Vec<Query>, take: &mut TakeRows<'_>) -> Result<(), DriverError> {
        let mut connection = self.take(Reading::Scan).await?;
        let (send, mut receive) = mpsc::channel(1);
        let reading =
            spawn_blocking(move || connection.with("-- database.snapshot", |open| dump(open, &questions, &send)));
        while let Some((question, rows)) = receive.recv().await {
            if take(question, rows).is_break() {
                break;
            }
        }
        drop(receive);
        reading.await.unwrap_or_else(|_| Err(DriverError::Fault("a reader panicked".to_owned())))
    }

    /// How a file's connections are used now.
    pub(crate) fn usage(&self) -> Option<ConnectionUse> {
        let Self::Pool(pool) = self else { return None };
        Some(ConnectionUse {
            in_use: pool.size.saturating_sub(pool.places.available_permits()),
            idle: pool.idle.lock().len(),
            waiting: pool.waiting.number(),
            max: pool.size,
        })
    }

    async fn take(&self, reading: Reading) -> Result<Taken, DriverError> {
        match self {
            Self::Pool(pool) => {
                let scan = match reading {
                    Reading::Point => None,
                    Reading::Scan => Some(pool.permit(&pool.scans).await?),
                };
                let place = pool.permit(&pool.places).await?;
                let idle = pool.idle.lock().pop();
                Ok(Taken::Pooled { connection: idle, pool: Arc::clone(pool), _permits: (scan, place) })
            }
            Self::One(connection) => timeout(PATIENCE, Arc::clone(connection).lock_owned())
                .await
                .map(Taken::Shared)
                .map_err(|_| DriverError::Unavailable("the database is busy".to_owned())),
        }
    }
}

/// Connections that are opened when they are first needed, up to a number.
#[derive(Debug)]
pub(crate) struct Pool {
    opener: Opener,
    idle: parking_lot::Mutex<Vec<Connection>>,
    size: usize,
    waiting: Waiting,
    places: Arc<Semaphore>,
    /// Fewer than the places, so that long lists never hold up the look-ups behind every request.
    scans: Arc<Semaphore>,
}

impl Pool {
    /// A pool of at most `size` connections (2 at least), with one open already.
    pub(crate) fn new(opener: Opener, size: usize) -> rusqlite::Result<Self> {
        let size = size.max(2);
        let first = opener.reader()?;
        let mut idle = Vec::with_capacity(size);
        idle.push(first);
        Ok(Self {
            opener,
            idle: parking_lot::Mutex::new(idle),
            size,
            waiting: Waiting::default(),
            places: Arc::new(Semaphore::new(size)),
            scans: Arc::new(Semaphore::new(size / 2)),
        })
    }

    async fn permit(&self, places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, DriverError> {
        if let Ok(permit) = Arc::clone(places).try_acquire_owned() {
            return Ok(permit);
        }
        let _waiting = self.waiting.one();
        let waited = timeout(PATIENCE, Arc::clone(places).acquire_owned()).await;
        waited
            .ok()
            .and_then(Result::ok)
            .ok_or_else(|| DriverError::Unavailable("every connection that reads the database is taken".to_owned()))
    }
}

/// A connection for one query. Its permit is released when it is dropped.
enum Taken {
    Pooled {
        /// None: one is yet to be opened.
        connection: Option<Connection>,
        pool: Arc<Pool>,
        _permits: (Option<OwnedSemaphorePermit>, OwnedSemaphorePermit),
    },
    Shared(OwnedMutexGuard<Connection>),
}

impl Taken {
    fn read(&mut self, query: &Query) -> Result<Vec<Row>, DriverError> {
        self.with(query.sql, |open| answer(open, query))
    }

    /// `sql` is only read for its signature.
    fn with<T>(&mut self, sql: &str, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, DriverError> {
        let outcome = match self {
            Self::Shared(connection) => work(connection),
            Self::Pooled { connection, pool, .. } => {
                let open = connection.take().map_or_else(|| pool.opener.reader(), Ok);
                open.and_then(|open| {
                    let outcome = work(&open);
                    // only now: one that panicked is not used again
                    pool.idle.lock().push(open);
                    outcome
                })
            }
        };
        outcome.map_err(|error| store_error(&error, sql))
    }
}

/// Runs the queries in one transaction, until the receiver is gone.
fn dump(open: &Connection, questions: &[Query], send: &mpsc::Sender<(usize, Vec<Row>)>) -> rusqlite::Result<()> {
    open.execute_batch("BEGIN")?;
    let mut outcome = Ok(());
    for (position, query) in questions.iter().enumerate() {
        let mut piece = Vec::with_capacity(PIECE);
        let read = each(open, query, |row| {
            piece.push(row);
            if piece.len() == PIECE && send.blocking_send((position, std::mem::take(&mut piece))).is_err() {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        match read {
            Ok(ControlFlow::Continue(())) if piece.is_empty() || send.blocking_send((position, piece)).is_ok() => {}
            Ok(_) => break,
            Err(error) => {
                outcome = Err(error);
                break;
            }
        }
    }
    open.execute_batch("ROLLBACK")?;
    outcome
}
