//! The health of each Redis: whether it accepts what it is used for.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use kayan_ports::{Failure, Probe, Timestamp};
use secrecy::ExposeSecret as _;

use super::{RedisCounters, RedisProbe, RedisSettings, Uses};
use crate::{
    commands::doctor::redis::RedisServer,
    config::{
        Config,
        settings::redis::{SESSION_URL, URL},
    },
    exit::Exit,
};

/// The health of the Redis of the counters.
pub(super) fn probe(config: &Config, server: Arc<RedisCounters>) -> Arc<dyn Probe> {
    Arc::new(RedisProbe::new("redis", server, uses(config, URL.name)))
}

/// The health of the Redis over which revoked sessions are announced, if it is another one.
pub(super) fn session_probe(config: &Config) -> Result<Option<Arc<dyn Probe>>, Exit> {
    let setting = SESSION_URL.name;
    let Some(url) = &config.redis.session_url else { return Ok(None) };
    if counts_and_announces(config) || config.sessions.cache_ttl.is_zero() {
        return Ok(None);
    }
    let (url, settings) = super::redis(config, setting, url)?;
    let server = RedisCounters::connect(&url, RedisSettings { pool_size: 1, ..settings });
    let server = server.map_err(|why| Exit::config(format!("{setting}: {why}")))?;
    Ok(Some(Arc::new(RedisProbe::new("redis_sessions", Arc::new(server), uses(config, setting)))))
}

/// A Redis as `doctor` checks it.
pub(super) fn looked_at(config: &Config, setting: &str, server: RedisCounters) -> Arc<dyn RedisServer> {
    Arc::new(LookedAt { uses: uses(config, setting), server })
}

/// What the Redis of this setting is used for.
fn uses(config: &Config, setting: &str) -> Uses {
    let counts = setting == URL.name;
    let announces = !config.sessions.cache_ttl.is_zero() && (!counts || counts_and_announces(config));
    Uses { counts, announces }
}

/// Whether one Redis serves both uses.
fn counts_and_announces(config: &Config) -> bool {
    let (Some(url), Some(session_url)) = (&config.redis.url, &config.redis.session_url) else { return false };
    url.expose_secret() == session_url.expose_secret()
}

struct LookedAt {
    server: RedisCounters,
    uses: Uses,
}

#[async_trait]
impl RedisServer for LookedAt {
    async fn ping(&self) -> Result<(), Failure> {
        self.server.ping().await
    }

    async fn refusal(&self) -> Option<String> {
        self.server.refusal(self.uses).await
    }

    async fn time(&self) -> Result<Option<Timestamp>, Failure> {
        self.server.time().await
    }

    async fn info(&self) -> Result<Option<BTreeMap<String, String>>, Failure> {
        self.server.info().await
    }
}
