//! The composition root: the one place that names concrete adapters and asks which are compiled in.

use std::{sync::Arc, time::Duration};

use kayan_core::{CheckHealth, IdentitySchema, Kayan, Lifetimes, Ports, Settings};
use kayan_crypto::{Hasher, HasherSettings, OsEntropy, SystemClock};
use kayan_http::{Application, HttpSettings};
use kayan_memory::CachedSessions;
use kayan_ports::{Clock, Entropy, Store};
use kayan_sql::{Driver, SqlStore};
use secrecy::ExposeSecret;

use crate::{
    config::{Config, Database, DatabaseKind, Environment},
    probes::{DatabaseProbe, MigrationsProbe},
    stop::Stop,
};

#[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
compile_error!("kayan needs a database: build it with at least one of the features `sqlite`, `postgres` and `mysql`");

/// The databases that are compiled in, by the names of `KAYAN_DB_TYPE`.
pub(crate) const BACKENDS: &[&str] = &[
    #[cfg(feature = "sqlite")]
    "sqlite",
    #[cfg(feature = "mysql")]
    "mysql",
    #[cfg(feature = "postgres")]
    "postgres",
];

/// The time.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// The source of tokens, ids and secrets.
pub(crate) fn entropy() -> Arc<dyn Entropy> {
    Arc::new(OsEntropy)
}

/// Opens the configured database, migrated or not. A server is not connected to before it is asked something.
pub(crate) fn database(config: &Config) -> Result<Arc<dyn Driver>, Stop> {
    let Database { kind, dsn, max_open, max_idle, max_lifetime, statements } = &config.database;
    tracing::debug!(?kind, max_open, max_idle, ?max_lifetime, ?statements, "opening the database");
    let dsn = dsn.expose_secret();
    let count = |number: &u32| usize::try_from(*number).unwrap_or(usize::MAX);
    match kind {
        // A file's readers cost nothing while they are idle, and don't age.
        #[cfg(feature = "sqlite")]
        DatabaseKind::Sqlite => {
            let settings = kayan_sqlite::Settings { readers: count(max_open), ..kayan_sqlite::Settings::default() };
            Ok(Arc::new(kayan_sqlite::SqliteDriver::open(dsn, settings).map_err(Stop::failed)?))
        }
        #[cfg(feature = "postgres")]
        DatabaseKind::Postgres => {
            use crate::config::Statements;
            let settings = kayan_postgres::Settings {
                max_open: count(max_open),
                max_idle: count(max_idle),
                max_lifetime: *max_lifetime,
                statements: match statements {
                    Statements::Prepared => kayan_postgres::Mode::Prepared,
                    Statements::Unnamed => kayan_postgres::Mode::Unnamed,
                },
                ..kayan_postgres::Settings::default()
            };
            Ok(Arc::new(kayan_postgres::PostgresDriver::connect(dsn, settings).map_err(Stop::failed)?))
        }
        #[cfg(feature = "mysql")]
        DatabaseKind::Mysql => {
            let settings = kayan_mysql::Settings {
                max_open: count(max_open),
                max_idle: count(max_idle),
                max_lifetime: max_lifetime.unwrap_or_default(),
            };
            Ok(Arc::new(kayan_mysql::MysqlDriver::connect(dsn, settings).map_err(Stop::config)?))
        }
        // The configuration takes no database that is not compiled in.
        #[cfg(not(all(feature = "sqlite", feature = "postgres", feature = "mysql")))]
        other => Err(Stop::config(format!("KAYAN_DB_TYPE: {other:?} is not compiled in; there is {BACKENDS:?}"))),
    }
}

/// Puts the use-cases together over an open database.
pub(crate) fn kayan(config: &Config, driver: &Arc<dyn Driver>) -> Result<Kayan, Stop> {
    let schema = match &config.identity_schema {
        None => IdentitySchema::default(),
        Some(document) => IdentitySchema::parse(&document.to_string())
            .map_err(|error| Stop::config(format!("KAYAN_IDENTITY_SCHEMA: {error}")))?,
    };
    let hashing =
        HasherSettings { format: config.hashing.format, threads: config.hashing.threads, queue: config.hashing.queue };
    let mut store: Arc<dyn Store> = Arc::new(SqlStore::new(driver.clone()));
    if !config.sessions.cache_ttl.is_zero() {
        store = Arc::new(CachedSessions::new(store, clock(), config.sessions.cache_ttl));
    }
    let ports = Ports {
        store,
        hasher: Arc::new(Hasher::new(hashing).map_err(Stop::failed)?),
        clock: clock(),
        entropy: entropy(),
    };
    let lifetimes = Lifetimes {
        session: config.sessions.ttl,
        refresh: config.sessions.refresh_ttl,
        absolute: config.sessions.max_ttl,
    };
    Ok(Kayan::new(ports, schema, Settings { lifetimes, password_min_length: config.password_min_length }))
}

/// Puts the whole service together over an open database.
pub(crate) fn application(config: &Config, driver: &Arc<dyn Driver>) -> Result<Arc<Application>, Stop> {
    let public_origin = config.public_url.as_ref().map(|url| url.origin().ascii_serialization().parse());
    let settings = HttpSettings {
        secure_cookies: config.env == Environment::Production,
        public_origin: public_origin.transpose().map_err(|error| Stop::config(format!("KAYAN_PUBLIC_URL: {error}")))?,
        cors_origins: config.cors_origins.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
        body_timeout: Duration::from_secs(15),
    };
    let health = CheckHealth::new(
        vec![Arc::new(DatabaseProbe(driver.clone())), Arc::new(MigrationsProbe(driver.clone()))],
        clock(),
    );
    Ok(Arc::new(Application {
        kayan: Arc::new(kayan(config, driver)?),
        health: Arc::new(health),
        clock: clock(),
        entropy: entropy(),
        settings,
    }))
}

/// Sends this process's events to standard error, as configured.
pub(crate) fn logs(config: &Config) -> Result<(), Stop> {
    let format = match config.log_format {
        crate::config::LogFormat::Text => kayan_telemetry::Format::Text,
        crate::config::LogFormat::Json => kayan_telemetry::Format::Json,
    };
    kayan_telemetry::init(kayan_telemetry::LogSettings { level: config.log_level, format }).map_err(Stop::failed)
}
