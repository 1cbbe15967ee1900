//! The composition root: the only place that names concrete adapters and checks which are compiled in.

mod breaches;
mod mail;
mod observability;
mod passkeys;
mod providers;
#[cfg(feature = "redis")]
mod redis;
mod validators;

use std::{sync::Arc, time::Duration};

use kayan_cache::{BackgroundRelease, CachedSessions, MemoryLimiter};
use kayan_core::{CheckHealth, IdentitySchema, Kayan, Lifetimes, Messaging, Ports, ReturnTo, Settings};
use kayan_crypto::{
    AppCodes, Biscuits, Hasher, HasherSettings, OsEntropy, SealedKeys, SystemClock, SystemJwsKeys, WrappingSecrets,
};
use kayan_http::{Application, ForwardAuthSettings, HttpSettings};
use kayan_ports::{AdminTokens, AttemptCounter, Clock, Entropy, IdentityProvider, Keys, Probe, RateLimiter, Stores};
#[cfg(feature = "redis")]
use kayan_redis::{RedisCounters, RedisProbe, RedisSettings, Uses};
use kayan_sql::{Driver, SqlStore};
use kayan_telemetry::{AuditLog, CountedAttempts, CountedLimiter, ObservedDriver, Profiles, TracedHasher};
use secrecy::{ExposeSecret, SecretString};

pub(crate) use self::mail::{mail_server, signing, templates, webhook};
pub(crate) use self::observability::{Observed, audit_log, audit_log_of_a_command, logs, metrics, traces};
use self::observability::{audited, counted, watch};
pub(crate) use self::validators::VALIDATORS;
use crate::{
    commands::doctor::{self, Unwritten},
    config::{Config, Database, DatabaseKind, Environment, settings},
    exit::Exit,
    probes::{DatabaseProbe, MigrationsProbe},
};

#[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
compile_error!("kayan needs a database: build it with at least one of the features `sqlite`, `postgres` and `mysql`");

/// The compiled-in backends, by the names of their features.
pub(crate) const BACKENDS: &[&str] = &[
    #[cfg(feature = "sqlite")]
    "sqlite",
    #[cfg(feature = "mysql")]
    "mysql",
    #[cfg(feature = "postgres")]
    "postgres",
    #[cfg(feature = "redis")]
    "redis",
];

/// The system clock.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// The source of tokens, ids and secrets.
pub(crate) fn entropy() -> Arc<dyn Entropy> {
    Arc::new(OsEntropy)
}

/// Opens the configured database, migrated or not. The connection is made with the first query.
pub(crate) fn database(config: &Config) -> Result<Arc<dyn Driver>, Exit> {
    connect(config, settings::database::DSN.name, &config.database.dsn)
}

/// Opens the configured database for reading: nothing in it is changed, and no file is created.
pub(crate) fn look(config: &Config) -> Result<Arc<dyn Driver>, Exit> {
    #[cfg(feature = "sqlite")]
    if config.database.kind == DatabaseKind::Sqlite {
        let settings = kayan_sqlite::Settings { busy: Duration::from_secs(2), ..kayan_sqlite::Settings::default() };
        let driver = kayan_sqlite::SqliteDriver::look(config.database.dsn.expose_secret(), settings);
        return Ok(Arc::new(driver.map_err(|why| Exit::failed(format!("KAYAN_DB_DSN: {why}")))?));
    }
    database(config)
}

/// The store on the database, and on its replica if there is one.
fn store(config: &Config, driver: &Arc<dyn Driver>) -> Result<Arc<SqlStore<Arc<dyn Driver>>>, Exit> {
    let store = SqlStore::new(driver.clone());
    Ok(Arc::new(match replica(config)? {
        None => store,
        Some(replica) => store.with_replica(replica),
    }))
}

/// The replica, if there is one.
pub(crate) fn replica(config: &Config) -> Result<Option<Arc<dyn Driver>>, Exit> {
    config.database.read_dsn.as_ref().map(|dsn| connect(config, settings::database::READ_DSN.name, dsn)).transpose()
}

fn connect(config: &Config, setting: &str, dsn: &SecretString) -> Result<Arc<dyn Driver>, Exit> {
    Ok(Arc::new(ObservedDriver::new(driver(config, setting, dsn)?)))
}

fn driver(config: &Config, setting: &str, dsn: &SecretString) -> Result<Arc<dyn Driver>, Exit> {
    let Database { kind, max_open, max_idle, max_lifetime, statements, .. } = &config.database;
    tracing::debug!(?kind, max_open, max_idle, ?max_lifetime, ?statements, "opening the database");
    let dsn = dsn.expose_secret();
    let count = |number: &u32| usize::try_from(*number).unwrap_or(usize::MAX);
    match kind {
        // Readers of a file cost nothing while idle, and need no maximum age.
        #[cfg(feature = "sqlite")]
        DatabaseKind::Sqlite => {
            let settings = kayan_sqlite::Settings { readers: count(max_open), ..kayan_sqlite::Settings::default() };
            let driver = kayan_sqlite::SqliteDriver::open(dsn, settings);
            Ok(Arc::new(driver.map_err(|why| Exit::failed(format!("{setting}: {why}")))?))
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
            let driver = kayan_postgres::PostgresDriver::connect(dsn, settings);
            Ok(Arc::new(driver.map_err(|why| Exit::config(format!("{setting}: {why}")))?))
        }
        #[cfg(feature = "mysql")]
        DatabaseKind::Mysql => {
            let settings = kayan_mysql::Settings {
                max_open: count(max_open),
                max_idle: count(max_idle),
                max_lifetime: max_lifetime.unwrap_or_default(),
            };
            let driver = kayan_mysql::MysqlDriver::connect(dsn, settings);
            Ok(Arc::new(driver.map_err(|why| Exit::config(format!("{setting}: {why}")))?))
        }
        // The configuration refuses a database that is not compiled in.
        #[cfg(not(all(feature = "sqlite", feature = "postgres", feature = "mysql")))]
        other => Err(Exit::config(format!("KAYAN_DB_TYPE: {other:?} is not compiled in; there is {BACKENDS:?}"))),
    }
}

/// The store of keys; reads nothing yet.
pub(crate) fn keys(config: &Config, driver: &Arc<dyn Driver>) -> Result<Arc<dyn Keys>, Exit> {
    let secrets = WrappingSecrets {
        data_key: config.data_key.clone(),
        data_key_previous: config.data_key_previous.clone(),
        session_secret: config.session_secret.clone(),
        session_secret_previous: config.session_secret_previous.clone(),
    };
    let store = Stores::new(Arc::new(SqlStore::new(driver.clone())));
    Ok(Arc::new(SealedKeys::new(&store, clock(), entropy(), &secrets)?))
}

/// Creates and reads admin tokens.
pub(crate) fn tokens() -> Arc<dyn AdminTokens> {
    Arc::new(Biscuits::new(entropy()))
}

/// Builds the use-cases over an open database, for a command: its events are also written to the audit log's file.
pub(crate) fn kayan(config: &Config, driver: &Arc<dyn Driver>) -> Result<Kayan, Exit> {
    let database = store(config, driver)?;
    let counters = counters(config, database.clone())?;
    let log = audit_log_of_a_command(config)?;
    let (store, keys) = (audited(Stores::new(database), log.as_ref()), keys(config, driver)?);
    over(config, store, counters, hasher(config)?, keys, (mail::messaging(config)?, Vec::new()))
}

/// Builds the use-cases over an open database, for reading: writes are discarded.
pub(crate) fn looking(config: &Config, driver: &Arc<dyn Driver>) -> Result<Kayan, Exit> {
    let driver: Arc<dyn Driver> = Arc::new(Unwritten(driver.clone()));
    let database = Arc::new(SqlStore::new(driver.clone()));
    let counters = Counters { limiter: Arc::new(MemoryLimiter::new()), attempts: database.clone(), probe: None };
    over(config, Stores::new(database), counters, hasher(config)?, keys(config, &driver)?, (None, Vec::new()))
}

/// Builds the use-cases over a store, counters and keys.
fn over(
    config: &Config,
    store: Stores,
    counters: Counters,
    hasher: Arc<Hasher>,
    keys: Arc<dyn Keys>,
    (messaging, providers): (Option<Messaging>, Vec<Arc<dyn IdentityProvider>>),
) -> Result<Kayan, Exit> {
    let schema = schema(config)?;
    let ports = Ports {
        store,
        attempts: Arc::new(CountedAttempts::new(counters.attempts)),
        limiter: Arc::new(CountedLimiter::new(counters.limiter)),
        hasher: TracedHasher::around(hasher),
        breaches: breaches::breaches(config)?,
        keys,
        jws: Arc::new(SystemJwsKeys::default()),
        biscuits: Arc::new(Biscuits::new(entropy())),
        tokens: tokens(),
        totp: Arc::new(AppCodes),
        relying_party: passkeys::relying_party(config)?,
        providers,
        messaging,
        clock: clock(),
        entropy: entropy(),
    };
    let lifetimes = Lifetimes {
        session: config.sessions.ttl,
        refresh: config.sessions.refresh_ttl,
        absolute: config.sessions.max_ttl,
    };
    let settings = Settings {
        lifetimes,
        refresh_reuse_window: config.sessions.refresh_reuse_window,
        passwords: config.passwords,
        lockout: config.lockout,
        limits: config.rate_limits,
        issuer: config.issuer(),
        session_jwts: config.session_jwts,
        jwt_secrets: config.jwt_secrets(),
        key_rotation: config.key_rotation,
        return_to: ReturnTo::new(config.return_to.clone()),
    };
    Ok(Kayan::new(ports, schema, settings))
}

/// The schema of identities.
pub(crate) fn schema(config: &Config) -> Result<IdentitySchema, Exit> {
    match &config.identity_schema {
        None => Ok(IdentitySchema::default()),
        Some(document) => IdentitySchema::parse(&document.to_string())
            .map_err(|error| Exit::config(format!("KAYAN_IDENTITY_SCHEMA: {error}"))),
    }
}

/// The configured password hasher; starts its threads.
pub(crate) fn hasher(config: &Config) -> Result<Arc<Hasher>, Exit> {
    let settings =
        HasherSettings { format: config.hashing.format, threads: config.hashing.threads, queue: config.hashing.queue };
    Ok(Arc::new(Hasher::new(settings).map_err(Exit::failed)?))
}

/// The counters, and the health of those that can be unavailable.
struct Counters {
    limiter: Arc<dyn RateLimiter>,
    attempts: Arc<dyn AttemptCounter>,
    probe: Option<Arc<dyn Probe>>,
}

/// Requests are counted in Redis, with this process as fallback; attempts in Redis, with the database as fallback.
fn counters(config: &Config, database: Arc<SqlStore<Arc<dyn Driver>>>) -> Result<Counters, Exit> {
    let limiter = Arc::new(MemoryLimiter::new());
    #[cfg(feature = "redis")]
    if let Some(shared) = redis_counters(config)? {
        use kayan_cache::Fallback;
        use kayan_telemetry::TracedRedis;
        let limits = TracedRedis::<dyn RateLimiter>::around(shared.clone());
        let attempts = TracedRedis::<dyn AttemptCounter>::around(shared.clone());
        return Ok(Counters {
            limiter: Arc::new(Fallback::<dyn RateLimiter>::new(limits, limiter)),
            attempts: Arc::new(BackgroundRelease::new(Arc::new(Fallback::<dyn AttemptCounter>::new(
                attempts, database,
            )))),
            probe: Some(redis::probe(config, shared)),
        });
    }
    #[cfg(not(feature = "redis"))]
    no_redis(config)?;
    Ok(Counters { limiter, attempts: Arc::new(BackgroundRelease::new(database)), probe: None })
}

/// The configuration refuses Redis if it is not compiled in.
#[cfg(not(feature = "redis"))]
fn no_redis(config: &Config) -> Result<(), Exit> {
    let crate::config::Redis { url, session_url, pool_size } = &config.redis;
    if url.is_some() || session_url.is_some() {
        return Err(Exit::config(format!("KAYAN_REDIS_URL: redis is not compiled in; there is {BACKENDS:?}")));
    }
    tracing::debug!(pool_size, "built without redis: this process counts by itself");
    Ok(())
}

#[cfg(feature = "redis")]
fn redis_counters(config: &Config) -> Result<Option<Arc<RedisCounters>>, Exit> {
    let Some(url) = &config.redis.url else { return Ok(None) };
    let (url, settings) = redis(config, settings::redis::URL.name, url)?;
    let counters = RedisCounters::connect(&url, settings);
    counters.map(|counters| Some(Arc::new(counters))).map_err(|why| Exit::config(format!("KAYAN_REDIS_URL: {why}")))
}

#[cfg(feature = "redis")]
fn redis(config: &Config, setting: &str, url: &SecretString) -> Result<(kayan_redis::RedisUrl, RedisSettings), Exit> {
    let url = url.expose_secret().parse().map_err(|why| Exit::config(format!("{setting}: {why}")))?;
    let settings = RedisSettings { pool_size: config.redis.pool_size, ..Default::default() };
    Ok((url, settings))
}

/// Each configured Redis, by the name of its setting, for `doctor`.
pub(crate) fn redis_servers(config: &Config) -> Result<Vec<doctor::redis::Named>, Exit> {
    #[cfg(feature = "redis")]
    {
        let server = |setting: &'static str, url: &SecretString| -> Result<doctor::redis::Named, Exit> {
            let (url, settings) = redis(config, setting, url)?;
            let settings = RedisSettings { patience: Duration::from_secs(2), ..settings };
            let server = RedisCounters::connect(&url, settings);
            let server = server.map_err(|why| Exit::config(format!("{setting}: {why}")))?;
            Ok((setting, redis::looked_at(config, setting, server)))
        };
        let crate::config::Redis { url, session_url, .. } = &config.redis;
        let same = |one: &SecretString| url.as_ref().is_some_and(|url| url.expose_secret() == one.expose_secret());
        let first = url.iter().map(|url| server(settings::redis::URL.name, url));
        let own = session_url.iter().filter(|url| !same(url)).map(|url| server(settings::redis::SESSION_URL.name, url));
        first.chain(own).collect()
    }
    #[cfg(not(feature = "redis"))]
    no_redis(config).map(|()| Vec::new())
}

/// The store behind a session cache; with Redis, replicas announce revoked sessions to each other.
fn cached(config: &Config, store: Stores) -> Result<Stores, Exit> {
    let sessions = CachedSessions::new(&store, clock(), config.sessions.cache_ttl);
    #[cfg(feature = "redis")]
    if let Some(url) = &config.redis.session_url {
        use kayan_redis::{Announcement, Announcements};
        let (url, settings) = redis(config, settings::redis::SESSION_URL.name, url)?;
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel::<Vec<String>>();
        // The receiver is gone only when the process ends.
        let sessions = Arc::new(sessions.announcing(move |lines| drop(tell.send(lines))));
        let hearing = Arc::downgrade(&sessions);
        let announcements = Announcements::start(&url, settings, move |heard| match (hearing.upgrade(), heard) {
            (Some(sessions), Announcement::Line(line)) => sessions.receive(&line),
            (Some(sessions), Announcement::Gap) => sessions.forget_all(),
            (None, _) => {}
        });
        let announcements = announcements.map_err(|why| Exit::config(format!("KAYAN_REDIS_SESSION_URL: {why}")))?;
        tokio::spawn(async move {
            while let Some(lines) = told.recv().await {
                announcements.announce(&lines).await;
            }
        });
        return Ok(sessions.before(store));
    }
    #[cfg(not(feature = "redis"))]
    no_redis(config)?;
    Ok(Arc::new(sessions).before(store))
}

/// Builds the whole service over an open database.
pub(crate) fn application(
    config: &Config,
    driver: &Arc<dyn Driver>,
    keys: Arc<dyn Keys>,
    log: Option<&Arc<AuditLog>>,
    observed: Observed,
) -> Result<Arc<Application>, Exit> {
    let public_origin = config.public_url.as_ref().map(|url| url.origin().ascii_serialization().parse());
    let settings = HttpSettings {
        secure_cookies: config.env == Environment::Production,
        public_origin: public_origin.transpose().map_err(|error| Exit::config(format!("KAYAN_PUBLIC_URL: {error}")))?,
        public_path: config.public_url.as_ref().map_or("", |url| url.path().trim_end_matches('/')).to_owned(),
        cors_origins: config.cors_origins.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
        metrics_allow: config.metrics_allow.clone(),
        tenant_hosts: config.tenant_hosts.clone(),
        related_origins: passkeys::related_origins(config)?,
        account_url: config.account_url.as_ref().map(ToString::to_string),
        cookie_domain: config.cookie_domain.clone(),
        forward_auth: ForwardAuthSettings {
            login_url: config.login_url.clone(),
            return_to: ReturnTo::new(config.return_to.clone()),
            rules: config.forward_auth_rules.clone(),
        },
        development: config.env == Environment::Development,
        body_timeout: Duration::from_secs(15),
    };
    let database = store(config, driver)?;
    let recording = audited(counted(Stores::new(database.clone())), log);
    let remembering = if config.sessions.cache_ttl.is_zero() { recording } else { cached(config, recording)? };
    let counters = counters(config, database)?;
    let mut probes: Vec<Arc<dyn Probe>> =
        vec![Arc::new(DatabaseProbe(driver.clone())), Arc::new(MigrationsProbe(driver.clone()))];
    probes.extend(counters.probe.clone());
    #[cfg(feature = "redis")]
    probes.extend(redis::session_probe(config)?);
    let messaging = mail::messaging(config)?;
    probes.extend(messaging.iter().flat_map(|messaging| mail::probes(config, messaging)));
    let health = CheckHealth::new(probes, clock());
    let hasher = hasher(config)?;
    let Observed { logs, metrics } = observed;
    watch(&metrics, driver, &hasher);
    Ok(Arc::new(Application {
        kayan: Arc::new(over(config, remembering, counters, hasher, keys, (messaging, providers::providers(config)?))?),
        logs: Arc::new(logs),
        profiler: Arc::new(Profiles::default()),
        metrics: Arc::new(move || metrics.text()),
        health: Arc::new(health),
        clock: clock(),
        entropy: entropy(),
        tracer: kayan_telemetry::tracer(),
        settings,
    }))
}
