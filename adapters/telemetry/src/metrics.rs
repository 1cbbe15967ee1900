//! The metrics: their families, and their text for Prometheus.

use std::{sync::Arc, time::Duration};

use ::metrics::Unit;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use parking_lot::RwLock;

/// Buckets for logins, in seconds; hashing takes most of the time.
const LOGINS: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Buckets for requests and for statements, in seconds.
const REQUESTS: &[f64] = &[0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
/// Buckets for background jobs, in seconds; sealing or purging much takes minutes.
const JOBS: &[f64] = &[0.001, 0.01, 0.1, 1.0, 10.0, 60.0, 600.0];
/// The quantiles of summaries.
const QUANTILES: &[f64] = &[0.5, 0.9, 0.99];
/// How often measurements are moved into their buckets and quantiles.
const UPKEEP: Duration = Duration::from_secs(5);

enum Kind {
    Counter,
    Gauge,
    /// Quantiles over the last minute, by this process alone.
    Summary,
    /// Buckets, which can be summed over replicas.
    Histogram(&'static [f64]),
}

/// Every family but the process's own, by the names that the operations guide prints.
const FAMILIES: &[(&str, Kind, &str)] = &[
    ("kayan_active_sessions", Kind::Gauge, "Active sessions by tenant, counted in the database from time to time."),
    (
        "kayan_audit_seal_lag_seconds",
        Kind::Gauge,
        "The age of the oldest audit event that is not sealed; 0 when all are.",
    ),
    ("kayan_auth_duration_hist_seconds", Kind::Histogram(LOGINS), "The duration of logins, by strategy."),
    ("kayan_auth_duration_seconds", Kind::Summary, "The duration of recent logins, by strategy."),
    ("kayan_build_info", Kind::Gauge, "1; the labels name the version and the compiled backends."),
    (
        "kayan_clock_behind_seconds",
        Kind::Gauge,
        "How far the times of audit events are ahead of this process's clock after it was put back.",
    ),
    ("kayan_clock_put_back_total", Kind::Counter, "How often the clock was put back by more than a minute."),
    (
        "kayan_db_connections",
        Kind::Gauge,
        "Connections to the database by state; `waiting` counts the requests that wait for one.",
    ),
    ("kayan_db_connections_max", Kind::Gauge, "The maximum number of connections to the database."),
    (
        "kayan_db_query_duration_seconds",
        Kind::Histogram(REQUESTS),
        "The duration of statements, by name; all statements of a transaction count as one `commit`.",
    ),
    ("kayan_hash_queue_depth", Kind::Gauge, "Password hashes that wait for a thread."),
    ("kayan_health_status", Kind::Gauge, "1 if every required part works, else 0."),
    (
        "kayan_http_broken_answers_total",
        Kind::Counter,
        "Streamed responses that were aborted because their source failed, by operation.",
    ),
    ("kayan_http_connections", Kind::Gauge, "Open connections of clients."),
    ("kayan_http_connections_max", Kind::Gauge, "The maximum number of connections of clients."),
    ("kayan_http_request_duration_seconds", Kind::Histogram(REQUESTS), "The duration of requests, by operation."),
    ("kayan_http_requests_total", Kind::Counter, "Requests, by operation and status."),
    ("kayan_job_duration_seconds", Kind::Histogram(JOBS), "The duration of runs of background jobs, by job."),
    ("kayan_job_interval_seconds", Kind::Gauge, "The time between runs of a background job, by job."),
    (
        "kayan_job_last_success_timestamp_seconds",
        Kind::Gauge,
        "When a background job last succeeded, by job; before its first success, when this process started.",
    ),
    ("kayan_job_runs_total", Kind::Counter, "Runs of background jobs, by job and status."),
    (
        "kayan_lockout_events_total",
        Kind::Counter,
        "Accounts locked by failed attempts, as seen by this process, and accounts unlocked by operators.",
    ),
    ("kayan_login_total", Kind::Counter, "Logins, by status and strategy."),
    (
        "kayan_message_failures_total",
        Kind::Counter,
        "Attempts to deliver a message that failed, by reason; `broken` are messages that can't be read or rendered.",
    ),
    (
        "kayan_message_oldest_age_seconds",
        Kind::Gauge,
        "The age of the oldest message that is not delivered and not given up; 0 if there is none.",
    ),
    ("kayan_messages_dead", Kind::Gauge, "Messages that were given up, counted in the database up to 100,000."),
    (
        "kayan_messages_delivered_total",
        Kind::Counter,
        "Messages that the mail server or the webhook for SMS accepted, by kind.",
    ),
    ("kayan_messages_waiting", Kind::Gauge, "Messages to be delivered, counted in the database up to 100,000."),
    ("kayan_mfa_total", Kind::Counter, "Verifications of second factors, by status and type."),
    (
        "kayan_password_breach_checks_total",
        Kind::Counter,
        "Checks whether a password is known from a breach, by status; one that fails accepts the password.",
    ),
    ("kayan_rate_limit_hits_total", Kind::Counter, "Requests refused by a rate limit, by name of the limit."),
    ("kayan_registration_total", Kind::Counter, "Registrations, by status."),
    ("kayan_session_cache_requests_total", Kind::Counter, "Lookups of session tokens in the cache, by result."),
    ("kayan_session_refreshes_total", Kind::Counter, "Sessions refreshed."),
    ("kayan_sms_total", Kind::Counter, "Calls of the webhook for SMS, by status."),
];

/// Called before the metrics are rendered.
type Source = Box<dyn Fn() + Send + Sync>;

/// The metrics of this process.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    recorder: PrometheusHandle,
    process: metrics_process::Collector,
    sources: RwLock<Vec<Source>>,
}

/// Why metrics can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The families contradict each other.
    #[error("the metrics can't be set up: {0}")]
    Build(#[from] BuildError),
    /// This process has set them up before.
    #[error("metrics are already set up in this process; set them up once, at start")]
    AlreadyInstalled,
}

impl Metrics {
    /// Starts recording. Handles of metrics that were made before this record nothing.
    ///
    /// # Errors
    /// `AlreadyInstalled` at the second call.
    pub fn install() -> Result<Self, MetricsError> {
        let mut builder = PrometheusBuilder::new().set_quantiles(QUANTILES)?;
        for (name, kind, _) in FAMILIES {
            if let Kind::Histogram(buckets) = kind {
                builder = builder.set_buckets_for_metric(Matcher::Full((*name).to_owned()), buckets)?;
            }
        }
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        ::metrics::set_global_recorder(recorder).map_err(|_| MetricsError::AlreadyInstalled)?;
        for (name, kind, help) in FAMILIES {
            match kind {
                Kind::Counter => ::metrics::describe_counter!(*name, *help),
                Kind::Gauge => ::metrics::describe_gauge!(*name, *help),
                Kind::Summary | Kind::Histogram(_) => ::metrics::describe_histogram!(*name, Unit::Seconds, *help),
            }
        }
        let process = metrics_process::Collector::default();
        process.describe();
        Ok(Self(Arc::new(Inner { recorder: handle, process, sources: RwLock::default() })))
    }

    /// Calls `source`, which sets gauges, before each rendering.
    pub fn watch(&self, source: impl Fn() + Send + Sync + 'static) {
        self.0.sources.write().push(Box::new(source));
    }

    /// All metrics in Prometheus' text format, version 0.0.4.
    pub fn text(&self) -> String {
        self.0.process.collect();
        self.0.sources.read().iter().for_each(|source| source());
        self.0.recorder.render()
    }

    /// Moves measurements into their buckets and quantiles every few seconds, so that they don't fill the memory between
    /// scrapes. Never returns.
    pub async fn upkeep(&self) {
        loop {
            tokio::time::sleep(UPKEEP).await;
            self.0.recorder.run_upkeep();
        }
    }
}
