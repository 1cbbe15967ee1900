//! Examines the server itself, for health reports and `doctor`.
//!
//! Writes nothing but a key of its own.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use kayan_ports::{Condition, Failure, Probe, Timestamp, timestamp};
use redis::{FromRedisValue, Value};

use crate::{RedisCounters, announcements::CHANNEL, errors::ServerError, server::Request};

/// The key that is written as a test; it expires after a second.
const TEST_KEY: &str = "kayan:health";
/// Writes as the counters do: from a script, which an ACL may forbid, under a memory limit, which may be reached.
pub(crate) const TEST_WRITE: &str = "return redis.call('SET', KEYS[1], '1', 'PX', 1000)";
/// The announcement of a session that does not exist, which every version understands and ignores.
const UNKNOWN_SESSION: &str = "session 00000000-0000-0000-0000-000000000000";

/// What a Redis is used for, and must therefore support.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uses {
    /// Rate limits and attempts are counted in it.
    pub counts: bool,
    /// Revoked sessions are announced over it.
    pub announces: bool,
}

impl RedisCounters {
    /// What it refuses of its uses, and why; `None` if it supports all. In a cluster one master is written to.
    pub async fn refusal(&self, uses: Uses) -> Option<String> {
        if uses.counts
            && let Err(trouble) = self.server.ask::<()>(self.write()).await
        {
            return Some(format!("refuses writes: {trouble}"));
        }
        if uses.announces
            && let Err(trouble) = self.server.ask::<i64>(announcement()).await
        {
            return Some(format!("refuses announcements: {trouble}"));
        }
        None
    }

    fn write(&self) -> Request<'_> {
        Request::Script(&self.scripts.try_writing, TEST_KEY.to_owned(), &[])
    }

    /// What its clock says; in a cluster that of one node. Nothing when the user may not ask.
    pub async fn time(&self) -> Result<Option<Timestamp>, Failure> {
        let Some(answer) = self.allowed("TIME").await? else { return Ok(None) };
        let odd = || Failure::from(ServerError::Answer);
        let (seconds, micros) = <(i64, i64)>::from_redis_value(of_one(answer)).map_err(|_| odd())?;
        let whole = seconds.checked_mul(1_000_000).and_then(|whole| whole.checked_add(micros));
        whole.and_then(timestamp::from_micros).map(Some).ok_or_else(odd)
    }

    /// The fields of `INFO`; in a cluster those of one node. Nothing when the user may not ask.
    pub async fn info(&self) -> Result<Option<BTreeMap<String, String>>, Failure> {
        let Some(answer) = self.allowed("INFO").await? else { return Ok(None) };
        let text = String::from_redis_value(of_one(answer)).map_err(|_| Failure::from(ServerError::Answer))?;
        let field = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
        Ok(Some(text.lines().filter_map(field).collect()))
    }

    async fn allowed(&self, command: &str) -> Result<Option<Value>, Failure> {
        match self.server.ask(Request::Command(redis::cmd(command))).await {
            Ok(answer) => Ok(Some(answer)),
            Err(ServerError::NotAllowed) => Ok(None),
            Err(trouble) => Err(trouble.into()),
        }
    }
}

fn announcement() -> Request<'static> {
    let mut publish = redis::cmd("PUBLISH");
    publish.arg(CHANNEL).arg(UNKNOWN_SESSION);
    Request::Command(publish)
}

/// In a cluster the answer lists each node's.
fn of_one(answer: Value) -> Value {
    match answer {
        Value::Map(nodes) => nodes.into_iter().next().map_or(Value::Nil, |(_, said)| said),
        said => said,
    }
}

/// Whether a Redis supports all its uses.
pub struct RedisProbe {
    name: &'static str,
    server: Arc<RedisCounters>,
    uses: Uses,
}

impl RedisProbe {
    /// Takes the name in the health report.
    pub fn new(name: &'static str, server: Arc<RedisCounters>, uses: Uses) -> Self {
        Self { name, server, uses }
    }

    fn consequence(&self) -> &'static str {
        if self.uses.counts {
            "each replica counts rate limits by itself"
        } else {
            "other replicas learn of revoked sessions late"
        }
    }
}

#[async_trait]
impl Probe for RedisProbe {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn check(&self) -> Condition {
        let missing = match self.server.ping().await {
            Ok(()) => self.server.refusal(self.uses).await,
            Err(_) => Some("does not answer".to_owned()),
        };
        match missing {
            None => Condition::Healthy,
            Some(what) => Condition::Degraded(format!("{what}: {}", self.consequence())),
        }
    }
}
