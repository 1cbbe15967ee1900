//! Health of the service, for orchestrators and dashboards.

use std::sync::Arc;

use kayan_core::{HealthReport, LookInsideError, ProbeReport};
use kayan_ports::{Condition, Timestamp};
use poem_openapi::{ApiResponse, Enum, Object, OpenApi, payload::PlainText};
use serde::Serialize;

use crate::{
    Application, Draining, Tag,
    api::process_access::MetricsAccess,
    wire::{
        codes::Code,
        problem::Problem,
        refused::{Refused, never, refusals},
        reply::Reply,
    },
};

/// The endpoints of this family.
#[derive(Clone)]
pub(crate) struct System {
    /// The application that they serve.
    pub(crate) app: Arc<Application>,
    /// Whether the service is about to stop.
    pub(crate) draining: Draining,
}

/// How well the service, or a part of it, is.
#[derive(Debug, Clone, Copy, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
enum HealthStatus {
    /// It works.
    Healthy,
    /// It goes on with less.
    Degraded,
    /// It can't do its work.
    Unhealthy,
}

/// The health of the service and of its parts.
#[derive(Object, Serialize)]
struct Health {
    /// The worst of the parts.
    status: HealthStatus,
    /// The version that runs.
    version: String,
    /// When it was asked.
    #[serde(with = "crate::wire::rfc3339")]
    timestamp: Timestamp,
    /// The parts.
    checks: Vec<Check>,
}

/// The health of a part.
#[derive(Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
struct Check {
    /// Its name, such as `database`.
    name: String,
    /// How it is.
    status: HealthStatus,
    /// How long it took to answer, in milliseconds.
    latency_ms: f64,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// A plain answer.
#[derive(Object, Serialize)]
struct Status {
    /// `ok` or `ready`.
    status: String,
}

#[derive(ApiResponse)]
enum HealthAnswer {
    /// It works, perhaps with less.
    #[oai(status = 200)]
    Able(Reply<Health>),
    /// A part that is needed does not work.
    #[oai(status = 503)]
    Unable(Reply<Health>),
}

#[derive(ApiResponse)]
enum MetricsAnswer {
    /// The metrics in Prometheus' text format.
    #[oai(status = 200, content_type = "text/plain; version=0.0.4; charset=utf-8")]
    Text(PlainText<String>),
}

#[OpenApi(tag = "Tag::System")]
impl System {
    /// Full health report
    ///
    /// For dashboards: every part, how it is and how long it took to answer.
    #[oai(path = "/health", method = "get", operation_id = "health")]
    async fn health(&self) -> HealthAnswer {
        let report = self.app.health.run().await;
        let (status, _) = told(&report.condition);
        let health = Health {
            status,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            timestamp: report.at,
            checks: report.probes.into_iter().map(Check::from).collect(),
        };
        match status {
            HealthStatus::Healthy | HealthStatus::Degraded => HealthAnswer::Able(Reply::new(&health)),
            HealthStatus::Unhealthy => HealthAnswer::Unable(Reply::new(&health)),
        }
    }

    /// Metrics
    ///
    /// What this replica counts and measures, for Prometheus. Open to the addresses that the operator allows, by default
    /// loopback and private ones (RFC 1918, RFC 4193), through no proxy; else needs `debug:read` over all tenants, as tenants
    /// are named in it.
    #[oai(path = "/metrics", method = "get", operation_id = "metrics")]
    async fn metrics(
        &self,
        MetricsAccess(who): MetricsAccess,
    ) -> Result<MetricsAnswer, Refused<LookInsideError, READ_METRICS>> {
        self.app.kayan.look_at_metrics(&who).await?;
        let metrics = self.app.metrics.clone();
        // With many tenants it takes a while.
        let text = tokio::task::spawn_blocking(move || metrics()).await;
        let text = text.map_err(|panicked| Problem::new(Code::Internal).because(panicked.to_string()))?;
        Ok(MetricsAnswer::Text(PlainText(text)))
    }

    /// Is the process alive
    ///
    /// Looks at nothing but itself: a restart is the cure when this does not answer.
    #[expect(clippy::unused_async, reason = "the API macro wants every operation asynchronous")]
    #[oai(path = "/health/live", method = "get", operation_id = "healthLive")]
    async fn live(&self) -> Reply<Status> {
        Reply::new(&Status { status: "ok".to_owned() })
    }

    /// Is the service ready for requests
    ///
    /// Not while a part that it needs is away, while migrations are pending, or while it is stopping.
    #[oai(path = "/health/ready", method = "get", operation_id = "healthReady")]
    async fn ready(&self) -> Result<Reply<Status>, Refused<NotReady>> {
        if self.draining.has_begun() {
            return Err(NotReady(vec!["the service is stopping".to_owned()]).into());
        }
        let missing = missing(self.app.health.run().await);
        if missing.is_empty() {
            Ok(Reply::new(&Status { status: "ready".to_owned() }))
        } else {
            Err(NotReady(missing).into())
        }
    }
}

fn missing(report: HealthReport) -> Vec<String> {
    let unhealthy = |probe: ProbeReport| match probe.condition {
        Condition::Unhealthy(why) => Some(format!("{}: {why}", probe.name)),
        Condition::Healthy | Condition::Degraded(_) => None,
    };
    report.probes.into_iter().filter_map(unhealthy).collect()
}

fn told(condition: &Condition) -> (HealthStatus, Option<&str>) {
    match condition {
        Condition::Healthy => (HealthStatus::Healthy, None),
        Condition::Degraded(why) => (HealthStatus::Degraded, Some(why)),
        Condition::Unhealthy(why) => (HealthStatus::Unhealthy, Some(why)),
    }
}

impl From<ProbeReport> for Check {
    fn from(probe: ProbeReport) -> Self {
        let (status, message) = told(&probe.condition);
        Self {
            name: probe.name.to_owned(),
            status,
            latency_ms: (probe.latency_ms * 1000.0).round() / 1000.0,
            message: message.map(str::to_owned),
        }
    }
}

/// Any number of clients may read the metrics at once.
const READ_METRICS: u64 = never([Code::InUse]);

/// The parts of the service that are not ready, and why.
struct NotReady(Vec<String>);

refusals! {
    NotReady {
        Self(missing) => Unavailable.message(format!("not ready: {}", missing.join("; "))).checks(missing)
    }
}
