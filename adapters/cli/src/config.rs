//! The service's settings: read once, from flags, the environment, `.env` and defaults.

mod checks;
mod connections;
mod dot_env;
mod duration;
pub(crate) mod files;
pub(crate) mod flags;
mod gather;
pub(crate) mod load;
mod mask;
mod parse;
pub(crate) mod problem;
pub(crate) mod report;
mod schema;
pub(crate) mod secret;
mod secrets_file;
mod setting;
pub(crate) mod settings;
#[cfg(test)]
mod tests;
mod values;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use kayan_core::{JwtSecret, LockoutSettings, PasswordSettings, RateLimits, SessionJwts};
use kayan_ports::{HashFormat, ProviderRules};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use kayan_http::{ForwardAuthRules, Origin, TenantHosts};
use kayan_telemetry::TraceSettings;
use secret::Secret;
pub(crate) use settings::{database::sqlite_file, secrets::secrets_path};

/// The key of `kayan backup`: no setting of the service, and read from the process environment alone.
pub(crate) const BACKUP_KEY: &str = "KAYAN_BACKUP_KEY";

/// A duration, written as in a setting: `5m`, `1h30m`.
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
    /// Maximum connections of clients, 1 or more.
    pub(crate) max_connections: usize,
    /// The URL under which clients reach the service; `None` stands for the address it listens on.
    pub(crate) public_url: Option<Url>,
    /// The page on which users manage their accounts.
    pub(crate) account_url: Option<Url>,
    /// The lowest level that is logged.
    pub(crate) log_level: kayan_ports::LogLevel,
    /// The form of the log.
    pub(crate) log_format: LogFormat,
    /// The database.
    pub(crate) database: Database,
    /// Password hashing.
    pub(crate) hashing: Hashing,
    /// How long sessions last.
    pub(crate) sessions: Sessions,
    /// The age at which keys that sign JWTs and biscuits are replaced.
    pub(crate) key_rotation: Duration,
    /// How session tokens are written as JWTs; `None`: they are opaque.
    pub(crate) session_jwts: Option<SessionJwts>,
    /// Redis.
    pub(crate) redis: Redis,
    /// How many requests clients may send.
    pub(crate) rate_limits: RateLimits,
    /// When an account is locked after failed logins; `None` never locks one.
    pub(crate) lockout: Option<LockoutSettings>,
    /// What is asked of passwords in every tenant.
    pub(crate) passwords: PasswordSettings,
    /// The range endpoint of breached passwords; `None`: there is none.
    pub(crate) breach_url: Option<Url>,
    /// Networks of the proxies whose forwarded headers are trusted (I-37).
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// Networks that may read the metrics without a token.
    pub(crate) metrics_allow: Vec<IpNet>,
    /// The tenants of hosts.
    pub(crate) tenant_hosts: TenantHosts,
    /// Origins that browser applications may call from.
    pub(crate) cors_origins: Vec<Origin>,
    /// Whether the database is migrated at start.
    pub(crate) auto_migrate: bool,
    /// The JSON Schema of the traits, an object; `None` stands for the default.
    pub(crate) identity_schema: Option<serde_json::Value>,
    /// Where audit events are also written, if anywhere.
    pub(crate) audit_log: Option<AuditLog>,
    /// The age at which audit events are purged, a day or more; `None` keeps them forever.
    pub(crate) audit_retention: Option<Duration>,
    /// How traces are sent; `None` disables them.
    pub(crate) traces: Option<TraceSettings>,
    /// Outgoing mail; `None`: the service sends none.
    pub(crate) mail: Option<Mail>,
    /// The webhook that sends SMS; without one, in development, they are written to the log.
    pub(crate) sms: Option<Sms>,
    /// The folder with the operator's templates of messages.
    pub(crate) templates: Option<PathBuf>,
    /// Networks besides the public ones that the service may call services in.
    pub(crate) outbound_allow: Vec<IpNet>,
    /// Whom passkeys are made for; `None` disables them.
    pub(crate) passkeys: Option<Passkeys>,
    /// The identity providers that users log in with, in the order in which they are shown.
    pub(crate) providers: Vec<Provider>,
    /// Where browsers may be redirected to after a login.
    pub(crate) return_to: Vec<Url>,
    /// The page to log in on, to which browsers are redirected from services behind a proxy.
    pub(crate) login_url: Option<Url>,
    /// What services behind a proxy require.
    pub(crate) forward_auth_rules: ForwardAuthRules,
    /// The domain whose hosts get the cookie of the session; `None`: the service's own host alone does.
    pub(crate) cookie_domain: Option<String>,
    /// Root of the keys that seal flow state, and of the one that wraps the data key; 32 bytes or more in production.
    pub(crate) session_secret: Secret,
    /// The previous one, during rotation.
    pub(crate) session_secret_previous: Option<Secret>,
    /// Signs session JWTs where no other algorithm is chosen, and verifies them.
    pub(crate) jwt_secret: Option<Secret>,
    /// The previous one, during rotation.
    pub(crate) jwt_secret_previous: Option<Secret>,
    /// Wraps the data key; without it a key derived from the session secret does.
    pub(crate) data_key: Option<Secret>,
    /// The previous one, during rotation.
    pub(crate) data_key_previous: Option<Secret>,
}

impl Config {
    /// The issuer of JWTs: the URL under which clients reach the service.
    pub(crate) fn issuer(&self) -> String {
        match &self.public_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("http://localhost:{}", self.port),
        }
    }

    /// The secrets of session JWTs, the present one first. One that is too short signs and verifies nothing.
    pub(crate) fn jwt_secrets(&self) -> Vec<JwtSecret> {
        let known = [&self.jwt_secret, &self.jwt_secret_previous].into_iter().flatten();
        let usable = known.filter(|secret| secret.expose_secret().len() >= secret::MIN_BYTES);
        usable.map(|secret| JwtSecret(secret.expose_secret().to_vec().into())).collect()
    }
}

/// Outgoing mail.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    /// The server; without one, in development, mail is written to the log.
    pub(crate) smtp: Option<Smtp>,
    /// The URL of the page that a link opens, with `{flow}` in it.
    pub(crate) link_url: String,
    /// Whether users are told of changes to the security of their accounts.
    pub(crate) notices: bool,
}

/// A mail server.
#[derive(Debug, Clone)]
pub(crate) struct Smtp {
    /// Its URL.
    pub(crate) url: SecretString,
    /// The sender of every mail.
    pub(crate) from: String,
    /// What signs them; `None`: nothing.
    pub(crate) dkim: Option<Signing>,
}

/// What signs mail.
#[derive(Debug, Clone)]
pub(crate) struct Signing {
    /// The PEM file of the key.
    pub(crate) key: PathBuf,
    /// The domain.
    pub(crate) domain: String,
    /// The name of the key in the DNS.
    pub(crate) selector: String,
}

/// A webhook that sends SMS.
#[derive(Debug, Clone)]
pub(crate) struct Sms {
    /// Its URL.
    pub(crate) url: Url,
    /// The secrets that calls are signed with, the current one first.
    pub(crate) secrets: Vec<SecretString>,
}

/// Whom passkeys are made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Passkeys {
    /// The domain.
    pub(crate) rp_id: String,
    /// The origins of pages and Android applications that may use them.
    pub(crate) origins: Vec<String>,
}

/// An identity provider.
#[derive(Debug, Clone)]
pub(crate) struct Provider {
    /// How its accounts are used.
    pub(crate) rules: ProviderRules,
    /// Its issuer, as it is given: it is compared as text.
    pub(crate) issuer: String,
    /// The same as a URL.
    pub(crate) issuer_url: Url,
    /// The id of this service there.
    pub(crate) client_id: String,
    /// The secret of this service there; `None`: it is a public client.
    pub(crate) client_secret: Option<SecretString>,
    /// Where it sends browsers back to.
    pub(crate) redirect_url: Url,
    /// The scopes, with `openid` among them.
    pub(crate) scopes: Vec<String>,
    /// Further parameters of an authorization request.
    pub(crate) parameters: Vec<(String, String)>,
    /// How long ago the user may have authenticated there, in seconds.
    pub(crate) max_age: Option<u32>,
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
    /// A developer's machine: nothing needs to be set.
    Development,
    /// Where users depend on it: nothing unsafe is accepted.
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
    /// Its kind, which is compiled in.
    pub(crate) kind: DatabaseKind,
    /// The connection string, as given.
    pub(crate) dsn: SecretString,
    /// The connection string of a replica, for reads that may lag.
    pub(crate) read_dsn: Option<SecretString>,
    /// Maximum connections, 1 or more.
    pub(crate) max_open: u32,
    /// Maximum idle connections, at most `max_open`.
    pub(crate) max_idle: u32,
    /// The age at which connections are closed; `None` for no limit.
    pub(crate) max_lifetime: Option<Duration>,
    /// How statements are sent.
    pub(crate) statements: Statements,
}

/// Redis, and how it is used.
#[derive(Debug, Clone)]
pub(crate) struct Redis {
    /// The Redis whose counters replicas share; without it each counts by itself.
    pub(crate) url: Option<SecretString>,
    /// The Redis over which replicas announce revoked sessions, if any.
    pub(crate) session_url: Option<SecretString>,
    /// Maximum connections, 1 or more.
    pub(crate) pool_size: usize,
}

/// How statements are sent to a database that can prepare them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Statements {
    /// Prepared once on each connection.
    Prepared,
    /// In full every time, for a pooler in between.
    Unnamed,
}

/// The supported databases.
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
    /// The format of new hashes.
    pub(crate) format: HashFormat,
    /// Threads that hash, 1 or more.
    pub(crate) threads: usize,
    /// Maximum hashes that wait, 1 or more.
    pub(crate) queue: usize,
}

/// How long sessions last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sessions {
    /// Lifetime of a session token.
    pub(crate) ttl: Duration,
    /// Lifetime of a refresh token.
    pub(crate) refresh_ttl: Duration,
    /// How long a used refresh token gets the same new tokens again, 0 to 60 s; 0 allows no retry.
    pub(crate) refresh_reuse_window: Duration,
    /// Lifetime of a session, however often it is refreshed.
    pub(crate) max_ttl: Duration,
    /// How long a session is cached, 0 to 5 s; 0 disables the cache.
    pub(crate) cache_ttl: Duration,
}
