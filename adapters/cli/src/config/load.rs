//! From texts to the configuration, with everything that is wrong told at once.

use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use kayan_core::{LockoutSettings, RateLimits};
use kayan_ports::LogLevel;
use kayan_ports::{Entropy, HashFormat, Lockout, RateLimit};
use secrecy::SecretString;

use super::keys::{self, Keys};
use super::problem::{Findings, Problem, Warning};
use super::report::{self, Row};
use super::values::{Source, Values};
use super::{
    AuditLog, Config, Database, DatabaseKind, Hashing, LogFormat, Redis, Sessions, Statements, checks, connections,
    database, gather, parse, schema, traces,
};

/// All that the configuration is made from.
pub(crate) struct Inputs<'a> {
    /// The flags that were given, by the settings' names: `flags::given`.
    pub(crate) flags: Vec<(String, String)>,
    /// The process environment: `std::env::vars_os`.
    pub(crate) environment: &'a [(OsString, OsString)],
    /// The working folder: where `.env` is looked for and relative paths begin.
    pub(crate) folder: &'a Path,
    /// What is compiled in: `sqlite`, `postgres`, `mysql`, `redis`.
    pub(crate) backends: &'a [&'a str],
    /// What development's secrets are made from.
    pub(crate) entropy: &'a dyn Entropy,
    /// What the adapters say of values that they alone understand.
    pub(crate) judges: Judges,
    /// Whether development's secrets are kept when they are made; else a missing file of them stays missing.
    pub(crate) keep_secrets: bool,
    /// Whether the files that the service reads and writes are looked at, too; a command may do without some of them.
    pub(crate) files: bool,
}

/// What the adapters say of values that they alone understand: what is wrong, and behind a `;` what to do. The last
/// argument says whether the files that the value names are looked at, too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judges {
    /// Of a connection string for this kind of database.
    pub(crate) dsn: fn(DatabaseKind, &str, bool) -> Result<(), String>,
    /// Of the URL of a Redis; none in a build without Redis.
    pub(crate) redis: Option<RedisJudge>,
}

/// What is wrong with the URL of a Redis.
pub(crate) type RedisJudge = fn(&str, bool) -> Result<(), String>;

/// A configuration that the service can start with.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The settings.
    pub(crate) config: Config,
    /// What the operator should know.
    pub(crate) warnings: Vec<Warning>,
    /// Every setting, its value, source and problem.
    pub(crate) rows: Vec<Row>,
}

/// Everything that keeps the service from starting.
#[derive(Debug)]
pub(crate) struct Problems {
    /// What is wrong; never empty.
    pub(crate) list: Vec<Problem>,
    /// What else the operator should know.
    pub(crate) warnings: Vec<Warning>,
    /// Every setting, its value, source and problem.
    pub(crate) rows: Vec<Row>,
    /// For a diagnosis only: the settings with something harmless in the place of each that can't be used.
    pub(crate) stand_in: Box<Config>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration can't be used:")?;
        self.list.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for Problems {}

impl Config {
    /// Reads every setting: a flag wins over the environment, that over `.env` (in development), that over the default.
    pub(crate) fn load(inputs: &Inputs<'_>) -> Result<Loaded, Problems> {
        let mut findings = Findings::default();
        let mut values = gather::gather(inputs, &mut findings);
        checks::forms(&values, &mut findings);
        checks::offers(&values, &mut findings);
        checks::consistency(&values, &mut findings);
        checks::redis(&values, inputs, &mut findings);
        checks::audit_log(&values, inputs, &mut findings);
        let kind = database::kind(&values, inputs, &mut findings);
        let identity_schema = values.text("KAYAN_IDENTITY_SCHEMA").map(|text| schema::read(text, inputs.folder));
        let identity_schema = identity_schema.transpose().unwrap_or_else(|wrong| {
            findings.wrong(&values, "KAYAN_IDENTITY_SCHEMA", wrong);
            None
        });
        if values.text("KAYAN_HASH_CONCURRENCY").is_none() {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            values.fill("KAYAN_HASH_CONCURRENCY", cores.to_string(), Source::Default);
        }
        connections::fill(&mut values, &mut findings);
        // last, because a file is only made for a service that can start
        let keys = keys::keys(&mut values, kind, inputs, &mut findings);
        let rows = report::rows(&values, &findings.problems);
        let Findings { problems: list, warnings } = findings;
        let config = assemble(&values, kind, keys, identity_schema);
        if !list.is_empty() {
            return Err(Problems { list, warnings, rows, stand_in: Box::new(config) });
        }
        Ok(Loaded { config, warnings, rows })
    }
}

fn assemble(values: &Values, kind: DatabaseKind, keys: Keys, identity_schema: Option<serde_json::Value>) -> Config {
    Config {
        env: values.environment,
        host: values.read("KAYAN_HOST", parse::address).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        port: values.number("KAYAN_PORT"),
        max_connections: values.number("KAYAN_MAX_CONNECTIONS"),
        public_url: values.read("KAYAN_PUBLIC_URL", parse::bare_url),
        log_level: level(&values.word("KAYAN_LOG_LEVEL")),
        log_format: if values.word("KAYAN_LOG_FORMAT") == "json" { LogFormat::Json } else { LogFormat::Text },
        database: assemble_database(values, kind),
        hashing: Hashing {
            format: hash_format(values),
            threads: values.number("KAYAN_HASH_CONCURRENCY"),
            queue: values.number("KAYAN_HASH_QUEUE"),
        },
        sessions: Sessions {
            ttl: values.span("KAYAN_SESSION_TTL"),
            refresh_ttl: values.span("KAYAN_REFRESH_TTL"),
            refresh_reuse_window: values.span("KAYAN_REFRESH_REUSE_WINDOW"),
            max_ttl: values.span("KAYAN_SESSION_MAX_TTL"),
            cache_ttl: values.span("KAYAN_SESSION_CACHE_TTL"),
        },
        redis: assemble_redis(values),
        rate_limits: assemble_rate_limits(values),
        lockout: assemble_lockout(values),
        password_min_length: values.number("KAYAN_PASSWORD_MIN_LENGTH"),
        trusted_proxies: values.read("KAYAN_TRUSTED_PROXIES", parse::networks).unwrap_or_default(),
        metrics_allow: values.read("KAYAN_METRICS_ALLOW", parse::networks).unwrap_or_default(),
        tenant_hosts: values.read("KAYAN_TENANT_HOSTS", parse::tenant_hosts).unwrap_or_default(),
        cors_origins: values.read("KAYAN_CORS_ORIGINS", parse::origins).unwrap_or_default(),
        auto_migrate: values.switch("KAYAN_AUTO_MIGRATE"),
        identity_schema,
        audit_log: assemble_audit_log(values),
        traces: traces::assemble(values),
        audit_retention: Some(values.span("KAYAN_AUDIT_RETENTION")).filter(|age| !age.is_zero()),
        session_secret: keys.session,
        session_secret_previous: keys.session_previous,
        jwt_secret: keys.jwt,
        jwt_secret_previous: keys.jwt_previous,
        data_key: keys.data,
        data_key_previous: keys.data_previous,
    }
}

fn assemble_database(values: &Values, kind: DatabaseKind) -> Database {
    let max_open = values.number("KAYAN_DB_MAX_OPEN_CONNS");
    Database {
        kind,
        dsn: SecretString::from(values.text("KAYAN_DB_DSN").unwrap_or_default()),
        read_dsn: values.text("KAYAN_DB_READ_DSN").filter(|text| !text.is_empty()).map(SecretString::from),
        max_open,
        // more can't be idle than open: lowering the one must not break the other's default
        max_idle: values.number::<u32>("KAYAN_DB_MAX_IDLE_CONNS").min(max_open),
        max_lifetime: Some(values.span("KAYAN_DB_CONN_MAX_LIFETIME")).filter(|life| !life.is_zero()),
        statements: match values.word("KAYAN_DB_STATEMENTS").as_str() {
            "unnamed" => Statements::Unnamed,
            _ => Statements::Prepared,
        },
    }
}

fn assemble_redis(values: &Values) -> Redis {
    let url = |name| values.text(name).filter(|text| !text.is_empty()).map(SecretString::from);
    Redis {
        url: url("KAYAN_REDIS_URL"),
        session_url: url("KAYAN_REDIS_SESSION_URL").or_else(|| url("KAYAN_REDIS_URL")),
        pool_size: values.number("KAYAN_REDIS_POOL_SIZE"),
    }
}

fn assemble_rate_limits(values: &Values) -> RateLimits {
    if !values.switch("KAYAN_RATE_LIMIT_ENABLED") {
        return RateLimits::default();
    }
    let all = values.number("KAYAN_RATE_LIMIT_REQUESTS");
    let window = values.span("KAYAN_RATE_LIMIT_WINDOW");
    let limit = |name, setting: &str| {
        let requests = if values.text(setting).is_some() { values.number(setting) } else { all };
        Some(RateLimit { name, requests, window })
    };
    RateLimits {
        ip: limit("ip", "KAYAN_RATE_LIMIT_REQUESTS"),
        login: limit("login", "KAYAN_RATE_LIMIT_LOGIN_REQUESTS"),
        registration: limit("registration", "KAYAN_RATE_LIMIT_REGISTRATION_REQUESTS"),
    }
}

fn assemble_lockout(values: &Values) -> Option<LockoutSettings> {
    values.switch("KAYAN_LOCKOUT_ENABLED").then(|| LockoutSettings {
        lockout: Lockout {
            max_failures: values.number("KAYAN_LOCKOUT_MAX_FAILURES"),
            duration: values.span("KAYAN_LOCKOUT_DURATION"),
        },
        known_networks_apart: values.switch("KAYAN_LOCKOUT_KNOWN_NETWORKS"),
    })
}

fn assemble_audit_log(values: &Values) -> Option<AuditLog> {
    values.text("KAYAN_AUDIT_LOG").map(|text| match text {
        "stdout" => AuditLog::Stdout,
        path => AuditLog::File(path.into()),
    })
}

fn level(word: &str) -> LogLevel {
    match word {
        "debug" => LogLevel::Debug,
        "warn" => LogLevel::Warn,
        "error" => LogLevel::Error,
        _ => LogLevel::Info,
    }
}

fn hash_format(values: &Values) -> HashFormat {
    match values.word("KAYAN_PASSWORD_HASHER").as_str() {
        "argon2id" => HashFormat::Argon2id,
        "scrypt" => HashFormat::Scrypt,
        _ => HashFormat::Bcrypt { cost: values.number("KAYAN_BCRYPT_COST") },
    }
}
