//! The connection pool: its size, the age of connections, and what happens to one whose request was cancelled.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant as Moment},
};

use deadpool_postgres::{
    ClientWrapper, Connect, Hook, HookError, Manager, ManagerConfig, Object, Pool, QueueMode, RecyclingMethod, Runtime,
    Status, WeakPool,
};
use kayan_sql::{ConnectionUse, DriverError};
use parking_lot::Mutex;
use tokio::{
    runtime::Handle,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval, timeout, timeout_at},
};
use tokio_postgres::{
    Client, Config, Error,
    config::{SslMode as Asked, TargetSessionAttrs},
    error::SqlState,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{Settings, dsn::SslMode, errors};

/// The time without use after which a connection is idle.
const IDLE: Duration = Duration::from_secs(1);
/// How long a connection whose request was cancelled may take to answer before it is closed.
const DRAIN: Duration = Duration::from_secs(2);
/// The age from which a connection to a read-only server is replaced: so at most twice a second, at any rate of writes.
const RECHECK: Duration = Duration::from_millis(500);

/// When the server was last found to be read-only. Older connections may lead to a former primary.
#[derive(Debug, Clone, Default)]
pub(crate) struct Demoted(Arc<Mutex<Option<Moment>>>);

impl Demoted {
    fn note(&self) {
        *self.0.lock() = Some(Moment::now());
    }

    fn was_noted(&self) -> bool {
        self.0.lock().is_some()
    }

    fn is_after(&self, created: Moment) -> bool {
        self.0.lock().is_some_and(|demoted| demoted >= created)
    }
}

/// The pool and its keeper.
#[derive(Debug)]
pub(crate) struct Connections {
    pool: Pool,
    demoted: Demoted,
    keeper: JoinHandle<()>,
}

impl Connections {
    /// Connects to nothing yet.
    pub(crate) fn new(config: Config, connector: Connector, settings: &Settings) -> Result<Self, DriverError> {
        let method = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let (lifetime, demoted) = (settings.max_lifetime, connector.demoted.clone());
        let suspect = demoted.clone();
        let pool = Pool::builder(Manager::from_connect(config, connector, method))
            .max_size(settings.max_open.max(1))
            .runtime(Runtime::Tokio1)
            // the last returned is used first, so that surplus connections become idle and are closed
            .queue_mode(QueueMode::Lifo)
            .pre_recycle(Hook::sync_fn(move |_, metrics| match lifetime {
                Some(lifetime) if metrics.age() >= lifetime => Err(HookError::message("it has reached its age")),
                _ if suspect.is_after(metrics.created) => Err(HookError::message("its server was found read-only")),
                _ => Ok(()),
            }))
            .build()
            .map_err(|error| DriverError::Fault(format!("the connection pool can't be made: {error}")))?;
        let keeper = tokio::spawn(keep(pool.weak(), settings.max_idle, lifetime));
        Ok(Self { pool, demoted, keeper })
    }

    /// Takes a connection: an idle one, a new one, or at the limit the next that is free.
    pub(crate) async fn lease(&self, deadline: Instant) -> Result<Lease, DriverError> {
        match timeout_at(deadline, self.pool.get()).await {
            Ok(Ok(object)) => Ok(Lease { object: Some(object), ending: Ending::Drain }),
            Ok(Err(error)) => Err(errors::no_connection(error)),
            Err(_elapsed) => Err(DriverError::Unavailable("no connection to the database came up in time".to_owned())),
        }
    }
}

impl Connections {
    /// Closes a connection whose server takes no writes, and all others that are as old, so that the next one is made
    /// anew; false when this one is new itself, and leads where a newer one would.
    pub(crate) fn distrust(&self, lease: &mut Lease) -> bool {
        let aged = lease.object.as_ref().is_some_and(|object| Object::metrics(object).age() >= RECHECK);
        if aged {
            self.demoted.note();
            lease.ending = Ending::Discard;
            self.pool.retain(|_, metrics| !self.demoted.is_after(metrics.created));
        }
        aged
    }

    /// How they are used now.
    pub(crate) fn usage(&self) -> ConnectionUse {
        let Status { max_size, size, available, waiting } = self.pool.status();
        ConnectionUse { in_use: size.saturating_sub(available), idle: available.min(size), waiting, max: max_size }
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        self.keeper.abort();
        self.pool.close();
    }
}

/// Closes surplus idle and old connections, also when none is requested.
async fn keep(pool: WeakPool, max_idle: usize, lifetime: Option<Duration>) {
    let mut ticks = interval(IDLE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(pool) = pool.upgrade() else { return };
        let mut kept = 0;
        pool.retain(|_, metrics| {
            let young = lifetime.is_none_or(|lifetime| metrics.age() < lifetime);
            let keeps = young && (metrics.last_used() < IDLE || kept < max_idle);
            kept += usize::from(keeps);
            keeps
        });
    }
}

/// What happens to a connection when its lease ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// It is ready for the next request.
    Return,
    /// Answers are still arriving: it is ready when they have.
    Drain,
    /// Its state is not known: it is closed.
    Discard,
}

/// A connection in use. Until it is settled, answers may still be arriving that will not be read.
#[derive(Debug)]
pub(crate) struct Lease {
    object: Option<Object>,
    ending: Ending,
}

impl Lease {
    pub(crate) fn client(&self) -> Result<&ClientWrapper, DriverError> {
        self.object.as_deref().ok_or_else(|| DriverError::Fault("a connection was used after its lease".to_owned()))
    }

    /// Every answer has come.
    pub(crate) fn settle(&mut self) {
        self.ending = Ending::Return;
    }

    /// A transaction is open: unless it is settled, the connection is closed and the database rolls back.
    pub(crate) fn keep_to_oneself(&mut self) {
        self.ending = Ending::Discard;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(object) = self.object.take() else { return };
        match (self.ending, Handle::try_current()) {
            (Ending::Return, _) => drop(object),
            (Ending::Drain, Ok(runtime)) => drop(runtime.spawn(drain(object))),
            _ => drop(Object::take(object)),
        }
    }
}

/// Every request was sent whole, COMMIT included, so no transaction stays open. The database answers in order: once it has
/// answered this, it has answered everything.
async fn drain(object: Object) {
    match timeout(DRAIN, object.simple_query("")).await {
        Ok(Ok(_)) => drop(object),
        _ => drop(Object::take(object)),
    }
}

/// Connects as `sslmode` says.
pub(crate) struct Connector {
    pub(crate) tls: MakeRustlsConnect,
    pub(crate) mode: SslMode,
    pub(crate) demoted: Demoted,
}

type Connecting<'c> = Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + 'c>>;

impl Connect for Connector {
    fn connect(&self, config: &Config) -> Connecting<'_> {
        let config = config.clone();
        Box::pin(async move {
            let (first, second) = match self.mode {
                SslMode::Disable => (Asked::Disable, None),
                SslMode::Allow => (Asked::Disable, Some(Asked::Require)),
                SslMode::Prefer => (Asked::Prefer, Some(Asked::Disable)),
                SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => (Asked::Require, None),
            };
            if config.get_hosts().len() > 1
                && config.get_target_session_attrs() == TargetSessionAttrs::Any
                && self.demoted.was_noted()
            {
                // The first host answers, but may be a former primary: look for one that takes writes first.
                let mut writable = config.clone();
                writable.target_session_attrs(TargetSessionAttrs::ReadWrite);
                if let Ok(connected) = self.either(&writable, first, second).await {
                    return Ok(connected);
                }
            }
            self.either(&config, first, second).await
        })
    }
}

impl Connector {
    async fn either(
        &self,
        config: &Config,
        first: Asked,
        second: Option<Asked>,
    ) -> Result<(Client, JoinHandle<()>), Error> {
        match (self.attempt(config, first).await, second) {
            (Err(error), Some(second)) if other_way(&error) => self.attempt(config, second).await,
            (attempted, _) => attempted,
        }
    }

    async fn attempt(&self, config: &Config, asked: Asked) -> Result<(Client, JoinHandle<()>), Error> {
        let mut config = config.clone();
        let (client, connection) = config.ssl_mode(asked).connect(self.tls.clone()).await?;
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                let error = errors::store_error(&error, "-- database.connection");
                tracing::warn!(%error, "a connection to the database ended");
            }
        });
        Ok((client, task))
    }
}

/// Whether the server may accept the connection with encryption instead of without, or the reverse.
fn other_way(error: &Error) -> bool {
    error.code().is_none_or(|code| *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
}
