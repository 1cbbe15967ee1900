//! Questions about the server itself, for whoever looks for what is wrong. They change nothing.

use std::collections::BTreeMap;

use kayan_ports::{CountError, Timestamp};
use redis::{FromRedisValue, Value};

use crate::{RedisCounters, errors::Trouble, server::Asked};

impl RedisCounters {
    /// What its clock says; in a cluster that of one node. Nothing when the user may not ask.
    pub async fn time(&self) -> Result<Option<Timestamp>, CountError> {
        let Some(answer) = self.allowed("TIME").await? else { return Ok(None) };
        let odd = || CountError::from(Trouble::Answer);
        let (seconds, micros) = <(i128, i128)>::from_redis_value(of_one(answer)).map_err(|_| odd())?;
        let nanos = (seconds * 1_000_000 + micros) * 1_000;
        Timestamp::from_unix_timestamp_nanos(nanos).map(Some).map_err(|_| odd())
    }

    /// The fields of `INFO`; in a cluster those of one node. Nothing when the user may not ask.
    pub async fn info(&self) -> Result<Option<BTreeMap<String, String>>, CountError> {
        let Some(answer) = self.allowed("INFO").await? else { return Ok(None) };
        let text = String::from_redis_value(of_one(answer)).map_err(|_| CountError::from(Trouble::Answer))?;
        let field = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
        Ok(Some(text.lines().filter_map(field).collect()))
    }

    async fn allowed(&self, command: &str) -> Result<Option<Value>, CountError> {
        match self.server.ask(Asked::Command(redis::cmd(command))).await {
            Ok(answer) => Ok(Some(answer)),
            Err(Trouble::NotAllowed) => Ok(None),
            Err(trouble) => Err(trouble.into()),
        }
    }
}

/// A cluster answers with what each node has said.
fn of_one(answer: Value) -> Value {
    match answer {
        Value::Map(nodes) => nodes.into_iter().next().map_or(Value::Nil, |(_, said)| said),
        said => said,
    }
}
