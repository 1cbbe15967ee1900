//! A pool of connections that never reuses a doubtful one.

use std::time::Duration;

use deadpool::managed::{Manager, Metrics, Pool, PoolError, RecycleError, RecycleResult};
use redis::{Cmd, ErrorKind, FromRedisValue, Pipeline, RedisResult, ServerErrorKind};
use tokio::time::timeout;

use crate::{
    RedisSettings, RedisUrl,
    dial::{Connection, Dialer},
    errors::ServerError,
    tls::ConnectError,
};

/// Reaches Redis through a pool.
pub(crate) struct Server {
    pool: Pool<Dialer>,
    patience: Duration,
}

/// A request to Redis.
pub(crate) enum Request<'a> {
    Command(Cmd),
    /// Commands that are sent together, all of one slot of a cluster.
    Pipeline(Pipeline),
    /// A script, its only key, and its arguments.
    Script(&'a Script, String, &'a [&'a str]),
}

/// A Lua script that works on one key.
pub(crate) struct Script {
    text: &'static str,
    digest: String,
}

/// A connection taken from the pool.
pub(crate) struct Leased {
    connection: Connection,
    /// Whether all requests on it were answered; not so when a caller was cancelled.
    in_order: bool,
}

impl Script {
    pub(crate) fn new(text: &'static str) -> Self {
        Self { text, digest: redis::Script::new(text).get_hash().to_owned() }
    }

    /// Sends the whole text only to a server that does not know it.
    async fn run<T: FromRedisValue>(&self, on: &mut Connection, key: &str, arguments: &[&str]) -> RedisResult<T> {
        let command = |verb: &str, script: &str| {
            let mut command = redis::cmd(verb);
            command.arg(script).arg(1).arg(key).arg(arguments);
            command
        };
        match command("EVALSHA", &self.digest).query_async(on).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                command("EVAL", self.text).query_async(on).await
            }
            answer => answer,
        }
    }
}

impl Server {
    /// Does not connect yet.
    pub(crate) fn new(url: &RedisUrl, settings: RedisSettings) -> Result<Self, ConnectError> {
        let dialer = Dialer::new(url, settings.patience)?;
        let pool = Pool::builder(dialer).max_size(settings.pool_size.max(1)).build();
        let pool = pool.map_err(|error| ConnectError::Setup(error.to_string()))?;
        Ok(Self { pool, patience: settings.patience })
    }

    pub(crate) fn dialer(&self) -> &Dialer {
        self.pool.manager()
    }

    /// The answer, or the error, within the time limit.
    pub(crate) async fn ask<T: FromRedisValue>(&self, asked: Request<'_>) -> Result<T, ServerError> {
        let answer = timeout(self.patience, self.answer(asked)).await.unwrap_or(Err(ServerError::Silent));
        if matches!(&answer, Err(trouble) if trouble.is_of_all_connections()) {
            // The idle ones lead to the same server: they would only delay others.
            self.pool.retain(|leased, _| !leased.connection.ends_with_a_missing_answer());
        }
        answer
    }

    async fn answer<T: FromRedisValue>(&self, asked: Request<'_>) -> Result<T, ServerError> {
        let mut leased = self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(trouble) => trouble,
            _ => ServerError::Unreachable,
        })?;
        leased.in_order = false;
        let connection = &mut leased.connection;
        let answer = match asked {
            Request::Command(command) => command.query_async(connection).await,
            Request::Pipeline(pipeline) => pipeline.query_async(connection).await,
            Request::Script(script, key, arguments) => script.run(connection, &key, arguments).await,
        };
        let answer = answer.map_err(ServerError::from);
        leased.in_order = answer.as_ref().err().is_none_or(ServerError::is_an_answer);
        answer
    }

    /// Whether the server answers.
    pub(crate) async fn ping(&self) -> Result<(), ServerError> {
        self.ask(Request::Command(redis::cmd("PING"))).await
    }
}

impl Manager for Dialer {
    type Type = Leased;
    type Error = ServerError;

    async fn create(&self) -> Result<Leased, ServerError> {
        Ok(Leased { connection: self.dial().await?, in_order: true })
    }

    async fn recycle(&self, leased: &mut Leased, _: &Metrics) -> RecycleResult<ServerError> {
        let doubtful = !leased.in_order && leased.connection.ends_with_a_missing_answer();
        if doubtful || leased.connection.has_ended() { Err(RecycleError::Backend(ServerError::Lost)) } else { Ok(()) }
    }
}
