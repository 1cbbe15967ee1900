//! The connection pool, limited in size and in the age of connections.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::FutureExt as _;
use kayan_sql::{ConnectionUse, DriverError, Waiting};
use mysql_async::{Conn, prelude::Queryable as _};
use parking_lot::Mutex;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};

use crate::{Settings, dial::Dialer};

/// A connection that was idle for longer may have been cut off, and is pinged before it is used.
const TRUSTED: Duration = Duration::from_secs(5);
/// The timeout of that ping.
const PULSE: Duration = Duration::from_millis(500);
/// How late an idle connection may be closed.
const SWEEP: Duration = Duration::from_secs(1);
/// The age from which a connection to a read-only server is replaced: so at most twice a second, at any rate of writes.
const RECHECK: Duration = Duration::from_millis(500);

/// The pool, shared by its leases.
#[derive(Debug)]
pub(crate) struct Pool {
    dialer: Dialer,
    permits: Arc<Semaphore>,
    max_open: usize,
    waiting: Waiting,
    idle: Mutex<Idle>,
    max_idle: usize,
    max_lifetime: Option<Duration>,
}

#[derive(Debug, Default)]
struct Idle {
    // the last one in is the first one out, so that those that are not needed grow old
    connections: Vec<Kept>,
    reaped: bool,
    /// When the server was last found to be read-only. Older connections may lead to a former primary.
    demoted: Option<Instant>,
}

#[derive(Debug)]
struct Kept {
    connection: Connection,
    born: Instant,
    idle_since: Instant,
}

/// A connection that is closed at once when it is dropped, whatever it is running. The server rolls back an open
/// transaction.
#[derive(Debug)]
pub(crate) struct Connection(Option<Conn>);

impl Connection {
    pub(crate) fn new(connection: Conn) -> Self {
        Self(Some(connection))
    }

    /// The connection; none only while it is being dropped.
    pub(crate) fn get(&mut self) -> Option<&mut Conn> {
        self.0.as_mut()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The first poll says good-bye where that is possible; giving the rest up drops the socket.
        let _ = self.0.take().and_then(|connection| connection.disconnect().now_or_never());
    }
}

impl Pool {
    pub(crate) fn new(dialer: Dialer, settings: &Settings) -> Arc<Self> {
        let max_open = settings.max_open.clamp(1, Semaphore::MAX_PERMITS);
        Arc::new(Self {
            dialer,
            permits: Arc::new(Semaphore::new(max_open)),
            max_open,
            waiting: Waiting::default(),
            idle: Mutex::default(),
            max_idle: settings.max_idle.min(max_open),
            max_lifetime: Some(settings.max_lifetime).filter(|lifetime| !lifetime.is_zero()),
        })
    }

    pub(crate) fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    /// Whether the server accepts a new connection; `None` at the limit of connections.
    pub(crate) async fn pulse(self: &Arc<Self>) -> Option<bool> {
        let _permit = Arc::clone(&self.permits).try_acquire_owned().ok()?;
        Some(self.dialer.dial().await.map(Connection::new).is_ok())
    }

    /// A connection, as soon as there is one.
    pub(crate) async fn lease(self: &Arc<Self>) -> Result<Lease, DriverError> {
        let closed = || DriverError::Unavailable("the pool is closed".to_owned());
        let permit = {
            let _waiting = self.waiting.one();
            Arc::clone(&self.permits).acquire_owned().await.map_err(|_| closed())?
        };
        while let Some(mut kept) = self.take() {
            if kept.idle_since.elapsed() < TRUSTED || is_alive(&mut kept.connection).await {
                return Ok(Lease { pool: Arc::clone(self), kept, reused: true, permit });
            }
            self.forget();
        }
        let connection = Connection::new(self.dialer.dial().await?);
        let now = Instant::now();
        let kept = Kept { connection, born: now, idle_since: now };
        Ok(Lease { pool: Arc::clone(self), kept, reused: false, permit })
    }

    /// How they are used now.
    pub(crate) fn usage(&self) -> ConnectionUse {
        ConnectionUse {
            in_use: self.max_open.saturating_sub(self.permits.available_permits()),
            idle: self.idle.lock().connections.len(),
            waiting: self.waiting.number(),
            max: self.max_open,
        }
    }

    fn take(&self) -> Option<Kept> {
        let mut idle = self.idle.lock();
        std::iter::from_fn(|| idle.connections.pop()).find(|kept| !self.expired(kept))
    }

    /// Closes all that are idle: when one was lost, the others have probably gone with it.
    pub(crate) fn forget(&self) {
        let gone = std::mem::take(&mut self.idle.lock().connections);
        drop(gone);
    }

    /// Closes a connection whose server takes no writes, and all others that are as old, so that the next one is made
    /// anew. One that is new itself leads where a newer one would, and comes back.
    pub(crate) fn distrust(&self, lease: Lease) -> Option<Lease> {
        if lease.kept.born.elapsed() < RECHECK {
            return Some(lease);
        }
        self.idle.lock().demoted = Some(Instant::now());
        self.forget();
        None
    }

    fn expired(&self, kept: &Kept) -> bool {
        self.max_lifetime.is_some_and(|lifetime| kept.born.elapsed() >= lifetime)
    }

    fn put(self: &Arc<Self>, mut kept: Kept) {
        if self.expired(&kept) {
            return;
        }
        kept.idle_since = Instant::now();
        let mut idle = self.idle.lock();
        let distrusted = idle.demoted.is_some_and(|demoted| demoted >= kept.born);
        if !distrusted && idle.connections.len() < self.max_idle {
            idle.connections.push(kept);
            self.reap(&mut idle);
        }
    }

    /// Closes idle connections when they are too old, too.
    fn reap(self: &Arc<Self>, idle: &mut Idle) {
        if self.max_lifetime.is_some()
            && !idle.reaped
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            idle.reaped = true;
            runtime.spawn(reaper(Arc::downgrade(self)));
        }
    }

    /// Closes what is too old, and says whether any is left to grow old.
    fn sweep(&self) -> bool {
        let mut idle = self.idle.lock();
        let (old, young): (Vec<_>, Vec<_>) =
            std::mem::take(&mut idle.connections).into_iter().partition(|kept| self.expired(kept));
        idle.connections = young;
        idle.reaped = !idle.connections.is_empty();
        let more = idle.reaped;
        drop(idle);
        drop(old);
        more
    }
}

async fn reaper(pool: Weak<Pool>) {
    while pool.upgrade().is_some_and(|pool| pool.sweep()) {
        tokio::time::sleep(SWEEP).await;
    }
}

async fn is_alive(connection: &mut Connection) -> bool {
    match connection.get() {
        Some(connection) => timeout(PULSE, connection.ping()).await.is_ok_and(|answer| answer.is_ok()),
        None => false,
    }
}

/// A connection in use. One that is not given back is closed.
#[derive(Debug)]
pub(crate) struct Lease {
    // before the permit, so that it is closed before the next one is opened
    kept: Kept,
    pool: Arc<Pool>,
    reused: bool,
    permit: OwnedSemaphorePermit,
}

impl Lease {
    pub(crate) fn connection(&mut self) -> Result<&mut Conn, DriverError> {
        self.kept.connection.get().ok_or_else(crate::errors::lost)
    }

    /// Whether it was idle before, and may have been cut off.
    pub(crate) fn was_idle(&self) -> bool {
        self.reused
    }

    /// Returns it to the pool; no statement and no transaction may be open.
    pub(crate) fn give_back(self) {
        let Self { kept, pool, permit, .. } = self;
        pool.put(kept);
        drop(permit);
    }
}
