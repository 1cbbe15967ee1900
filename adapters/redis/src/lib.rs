//! What replicas share in Redis: rate limits, attempts, and announcements of revoked sessions.
//!
//! A URL is one of
//!
//! - `redis://[[user]:password@]host[:6379][/database]`, one server;
//! - `unix:///path/of/the.sock` (or `redis+unix://`), with `?db=`, `username=` and `password=`;
//! - `redis+cluster://[[user]:password@]host[:6379],host[:6379],…`, some nodes of a cluster;
//! - `redis+sentinel://[[user]:password@]host[:26379],host[:26379],…/master[/database]`, sentinels and the name of the
//!   master that they watch. User and password are those of the servers; for the sentinels there are
//!   `sentinel_username` and `sentinel_password`.
//!
//! With `rediss` instead of `redis` all connections are encrypted, and each server must present a certificate for its
//! host by an authority that the system trusts or, with `?ssl_ca_certs=/path/of/ca.pem`, by one in that file.
//!
//! All keys begin with `kayan:`, and each script works on one key. The caller supplies the time; Redis' own only
//! decides when keys expire.

mod announcements;
mod attempts;
mod dial;
mod errors;
mod examination;
mod limiter;
mod server;
mod tls;
mod url;

use std::{fmt, time::Duration};

use kayan_ports::Failure;

pub use announcements::{Announcement, Announcements};
pub use examination::{RedisProbe, Uses};
pub use tls::ConnectError;
pub use url::{RedisUrl, RedisUrlError};

use server::{Script, Server};

/// How Redis is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedisSettings {
    /// The most connections, 1 at least; in a cluster to each node.
    pub pool_size: usize,
    /// The time limit of one request, connecting included.
    pub patience: Duration,
}

impl Default for RedisSettings {
    fn default() -> Self {
        Self { pool_size: 10, patience: Duration::from_millis(500) }
    }
}

/// Rate limits and attempts, counted in Redis.
pub struct RedisCounters {
    server: Server,
    scripts: Scripts,
}

struct Scripts {
    admit: Script,
    reserve: Script,
    release: Script,
    try_writing: Script,
}

impl RedisCounters {
    /// Prepares to use this Redis. Connections are made when needed, so a server that is down is no error here, and is
    /// used as soon as it is up.
    pub fn connect(url: &RedisUrl, settings: RedisSettings) -> Result<Self, ConnectError> {
        let scripts = Scripts {
            admit: Script::new(limiter::ADMIT),
            reserve: Script::new(attempts::RESERVE),
            release: Script::new(attempts::RELEASE),
            try_writing: Script::new(examination::TEST_WRITE),
        };
        Ok(Self { server: Server::new(url, settings)?, scripts })
    }

    /// Whether the server answers; in a cluster all its masters.
    pub async fn ping(&self) -> Result<(), Failure> {
        Ok(self.server.ping().await?)
    }
}

impl fmt::Debug for RedisCounters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCounters").finish_non_exhaustive()
    }
}

impl fmt::Debug for Announcements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Announcements").finish_non_exhaustive()
    }
}
