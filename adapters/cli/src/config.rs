//! The service's settings: read once, from flags, the environment, `.env` and defaults.

mod checks;
mod connections;
mod database;
mod dot_env;
mod duration;
pub(crate) mod files;
pub(crate) mod flags;
mod gather;
mod keys;
pub(crate) mod load;
mod mask;
mod parse;
pub(crate) mod problem;
pub(crate) mod report;
mod schema;
pub(crate) mod secret;
mod secrets_file;
mod setting;
mod table;
#[cfg(test)]
mod tests;
mod traces;
mod values;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use kayan_core::{LockoutSettings, RateLimits};
use kayan_ports::HashFormat;
use secrecy::SecretString;
use url::Url;

pub(crate) use database::sqlite_file;
use kayan_http::{Origin, TenantHosts};
use kayan_telemetry::TraceSettings;
pub(crate) use keys::secrets_path;
use load::Inputs;
use secret::Secret;

/// The key of `kayan backup`: no setting of the service, and read from the process environment alone.
pub(crate) const BACKUP_KEY: &str = "KAYAN_BACKUP_KEY";

/// A span of time, written as in a setting: `5m`, `1h30m`.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    duration::parse(text).map_err(|error| format!("{error}; write one such as 90s, 1h30m or 720h"))
}

/// The settings that the service runs with. Prints without secrets.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Development or production.
    pub(crate) env: Environment,
    /// The address to listen on.
    pub(crate) host: IpAddr,
    /// The TCP port to listen on; 0 takes a free one.
    pub(crate) port: u16,
    /// Connections of clients at once, 1 or more.
    pub(crate) max_connections: usize,
    /// The URL under which clients reach the service; nothing: the address it listens on.
    pub(crate) public_url: Option<Url>,
    /// The least that is logged.
    pub(crate) log_level: kayan_ports::LogLevel,
    /// How it is logged.
    pub(crate) log_format: LogFormat,
    /// The database.
    pub(crate) database: Database,
    /// Password hashing.
    pub(crate) hashing: Hashing,
    /// How long sessions last.
    pub(crate) sessions: Sessions,
    /// Redis.
    pub(crate) redis: Redis,
    /// How often a client may ask.
    pub(crate) rate_limits: RateLimits,
    /// When guessing ends; nothing: never.
    pub(crate) lockout: Option<LockoutSettings>,
    /// The shortest password, in characters, 8 to 64.
    pub(crate) password_min_length: usize,
    /// Networks of the proxies whose forwarded headers are believed (I-37).
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// Networks that may read the metrics without a token.
    pub(crate) metrics_allow: Vec<IpNet>,
    /// Which host stands for which tenant.
    pub(crate) tenant_hosts: TenantHosts,
    /// Origins that browser applications may call from.
    pub(crate) cors_origins: Vec<Origin>,
    /// Whether the database is migrated at start.
    pub(crate) auto_migrate: bool,
    /// The JSON Schema of the traits, an object; nothing: the default.
    pub(crate) identity_schema: Option<serde_json::Value>,
    /// Where audit events are also written; nothing: nowhere.
    pub(crate) audit_log: Option<AuditLog>,
    /// How old audit events may become, a day or more; nothing: any age.
    pub(crate) audit_retention: Option<Duration>,
    /// Where traces go; nothing: there are none.
    pub(crate) traces: Option<TraceSettings>,
    /// Root of the keys that seal flow state, and of the one that wraps the data key; 32 bytes or more in production.
    pub(crate) session_secret: Secret,
    /// The one before, while it is being rotated.
    pub(crate) session_secret_previous: Option<Secret>,
    /// Signs JWTs.
    pub(crate) jwt_secret: Option<Secret>,
    /// The one before, while it is being rotated.
    pub(crate) jwt_secret_previous: Option<Secret>,
    /// Wraps the data key; nothing: a key derived from the session secret does.
    pub(crate) data_key: Option<Secret>,
    /// The one before, while it is being rotated.
    pub(crate) data_key_previous: Option<Secret>,
}

/// Where audit events are written beside the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AuditLog {
    /// The service's standard output.
    Stdout,
    /// A file.
    File(PathBuf),
}

/// Where the service runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Environment {
    /// On a developer's machine: nothing needs to be set.
    Development,
    /// Where it counts: nothing unsafe is accepted.
    Production,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object.
    Json,
}

/// The database.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    /// Which it is; always one that is compiled in.
    pub(crate) kind: DatabaseKind,
    /// The connection string, as given.
    pub(crate) dsn: SecretString,
    /// The connection string of a replica, for reads that may lag.
    pub(crate) read_dsn: Option<SecretString>,
    /// At most so many connections, 1 or more.
    pub(crate) max_open: u32,
    /// At most so many idle ones, never more than `max_open`.
    pub(crate) max_idle: u32,
    /// Connections are closed when they are older; nothing: never.
    pub(crate) max_lifetime: Option<Duration>,
    /// How statements are sent.
    pub(crate) statements: Statements,
}

/// Redis, and what of it is asked.
#[derive(Debug, Clone)]
pub(crate) struct Redis {
    /// Where replicas count together; nothing: each counts by itself.
    pub(crate) url: Option<SecretString>,
    /// Where they tell each other of revoked sessions; nothing: nowhere.
    pub(crate) session_url: Option<SecretString>,
    /// At most so many connections, 1 or more.
    pub(crate) pool_size: usize,
}

/// How statements are sent to a database that can prepare them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Statements {
    /// Prepared once on each connection.
    Prepared,
    /// Whole every time, for a pooler in between.
    Unnamed,
}

/// The databases that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatabaseKind {
    /// `SQLite`.
    Sqlite,
    /// `PostgreSQL`.
    Postgres,
    /// `MySQL` and `MariaDB`.
    Mysql,
}

/// Password hashing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hashing {
    /// What new hashes are made with.
    pub(crate) format: HashFormat,
    /// Threads that hash, 1 or more.
    pub(crate) threads: usize,
    /// Hashes that may wait, 1 or more.
    pub(crate) queue: usize,
}

/// How long sessions last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sessions {
    /// Life of a session token.
    pub(crate) ttl: Duration,
    /// Life of a refresh token.
    pub(crate) refresh_ttl: Duration,
    /// For how long a spent refresh token gets the same successors again, 0 to 60 s; 0: not at all.
    pub(crate) refresh_reuse_window: Duration,
    /// From login to the absolute end.
    pub(crate) max_ttl: Duration,
    /// How long a presented session is remembered, 0 to 5 s; 0: not at all.
    pub(crate) cache_ttl: Duration,
}
