//! Sets up observability: the log, the audit log, metrics and traces.

use std::sync::Arc;

use kayan_crypto::Hasher;
use kayan_ports::Stores;
use kayan_sql::Driver;
use kayan_telemetry::{AuditLog, Audited, CountedLogins, Destination, LogSettings, Logs, Metrics, Traces};

use super::{BACKENDS, clock};
use crate::{
    config::{self, Config},
    exit::Exit,
};

/// The handles that a running service keeps.
#[derive(Clone)]
pub(crate) struct Observed {
    pub(crate) logs: Logs,
    pub(crate) metrics: Metrics,
}

/// Opens the audit log for a command, whose standard output is for its results.
pub(crate) fn audit_log_of_a_command(config: &Config) -> Result<Option<Arc<AuditLog>>, Exit> {
    if config.audit_log == Some(config::AuditLog::Stdout) { Ok(None) } else { audit_log(config) }
}

/// Opens the audit log, if one is configured.
pub(crate) fn audit_log(config: &Config) -> Result<Option<Arc<AuditLog>>, Exit> {
    let destination = match &config.audit_log {
        None => return Ok(None),
        Some(config::AuditLog::Stdout) => Destination::Stdout,
        Some(config::AuditLog::File(path)) => Destination::File(path.clone()),
    };
    let opened = AuditLog::open(destination).map_err(|error| {
        let why = match error.kind() {
            std::io::ErrorKind::NotFound => "its folder does not exist; create it".to_owned(),
            std::io::ErrorKind::PermissionDenied => {
                "this user has no write permission; change its permissions".to_owned()
            }
            _ => format!("it can't be opened for writing ({error}); name another file"),
        };
        Exit::config(format!("KAYAN_AUDIT_LOG: {why}"))
    });
    opened.map(|log| Some(Arc::new(log)))
}

/// Decorates the store with the audit log, if there is one.
pub(super) fn audited(store: Stores, log: Option<&Arc<AuditLog>>) -> Stores {
    match log {
        None => store,
        Some(log) => Stores { changes: Arc::new(Audited::new(store.changes.clone(), log.clone())), ..store },
    }
}

/// Decorates the store with the count of logins.
pub(super) fn counted(store: Stores) -> Stores {
    Stores { changes: Arc::new(CountedLogins::new(store.changes.clone())), ..store }
}

/// Starts recording metrics; must be called before anything that counts is built.
pub(crate) fn metrics() -> Result<Metrics, Exit> {
    let metrics = Metrics::install().map_err(Exit::failed)?;
    let (version, backends) = (env!("CARGO_PKG_VERSION"), BACKENDS.join(","));
    metrics::gauge!("kayan_build_info", "version" => version, "backends" => backends).set(1.0);
    Ok(metrics)
}

/// Starts sampling traces, if a collector is configured; must be called before anything that is traced is built.
pub(crate) fn traces(config: &Config) -> Result<Option<Traces>, Exit> {
    config.traces.clone().map(|settings| Traces::install(settings).map_err(Exit::failed)).transpose()
}

/// Starts logging to standard error, as configured.
pub(crate) fn logs(config: &Config) -> Result<Logs, Exit> {
    let format = match config.log_format {
        config::LogFormat::Text => kayan_telemetry::Format::Text,
        config::LogFormat::Json => kayan_telemetry::Format::Json,
    };
    let settings = LogSettings { level: config.log_level, format, traced: config.traces.is_some() };
    kayan_telemetry::init(settings, clock()).map_err(Exit::failed)
}

/// Measures pools and queues at every scrape.
pub(super) fn watch(metrics: &Metrics, driver: &Arc<dyn Driver>, hasher: &Arc<Hasher>) {
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; there are never 2^53 of these")]
    let set = |gauge: &metrics::Gauge, number: usize| gauge.set(number as f64);
    let state = |state: &'static str| metrics::gauge!("kayan_db_connections", "state" => state);
    let (in_use, idle, waiting) = (state("in_use"), state("idle"), state("waiting"));
    let (max, queue) = (metrics::gauge!("kayan_db_connections_max"), metrics::gauge!("kayan_hash_queue_depth"));
    let (driver, hasher) = (driver.clone(), hasher.clone());
    metrics.watch(move || {
        if let Some(usage) = driver.connections() {
            set(&in_use, usage.in_use);
            set(&idle, usage.idle);
            set(&waiting, usage.waiting);
            set(&max, usage.max);
        }
        set(&queue, hasher.waiting());
    });
}
