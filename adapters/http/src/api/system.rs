//! Health and metrics of the service.

use std::sync::Arc;

use kayan_core::{DiagnosticsError, HealthReport, ProbeReport};
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
    /// Whether the service is shutting down.
    pub(crate) draining: Draining,
}

/// The health of the service or of one of its parts.
#[derive(Debug, Clone, Copy, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
enum HealthStatus {
    /// Works.
    Healthy,
    /// Works with reduced functionality.
    Degraded,
    /// Does not work.
    Unhealthy,
}

/// The health of the service and of its parts.
#[derive(Object, Serialize)]
struct Health {
    /// The worst status of all parts.
    status: HealthStatus,
    /// The service's version.
    version: String,
    /// When the health was checked.
    #[serde(with = "kayan_ports::timestamp")]
    timestamp: Timestamp,
    /// The health of each part.
    checks: Vec<Check>,
}

/// The health of one part of the service.
#[derive(Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
struct Check {
    /// The name of the part, such as `database`.
    name: String,
    /// Its health.
    status: HealthStatus,
    /// How long the check took, in milliseconds.
    latency_ms: f64,
    /// What is wrong, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// A status in one word.
#[derive(Object, Serialize)]
struct Status {
    /// `ok` or `ready`.
    status: String,
}

#[derive(ApiResponse)]
enum HealthAnswer {
    /// Healthy or degraded.
    #[oai(status = 200)]
    Able(Reply<Health>),
    /// A required part does not work.
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
    /// Get the health report
    ///
    /// Returns the health of each part of the service and how long its check took, for dashboards.
    #[oai(path = "/health", method = "get", operation_id = "health")]
    async fn health(&self) -> HealthAnswer {
        let report = self.app.health.run().await;
        let (status, _) = status_of(&report.condition);
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

    /// Get metrics
    ///
    /// Returns the metrics of this replica, for Prometheus. Clients at allowed addresses, by default loopback and private ones
    /// (RFC 1918, RFC 4193), need no token unless they come through a proxy. All others require `debug:read` over all tenants,
    /// because the metrics name tenants.
    #[oai(path = "/metrics", method = "get", operation_id = "metrics")]
    async fn metrics(
        &self,
        MetricsAccess(who): MetricsAccess,
    ) -> Result<MetricsAnswer, Refused<DiagnosticsError, READ_METRICS>> {
        self.app.kayan.permit_metrics(who.as_ref()).await?;
        let metrics = self.app.metrics.clone();
        // With many tenants this takes a while.
        let text = tokio::task::spawn_blocking(move || metrics()).await;
        let text = text.map_err(|panicked| Problem::new(Code::Internal).because(panicked.to_string()))?;
        Ok(MetricsAnswer::Text(PlainText(text)))
    }

    /// Check liveness
    ///
    /// Checks nothing but the process itself: restart it if this does not respond.
    #[expect(clippy::unused_async, reason = "the API macro wants every operation asynchronous")]
    #[oai(path = "/health/live", method = "get", operation_id = "healthLive")]
    async fn live(&self) -> Reply<Status> {
        Reply::new(&Status { status: "ok".to_owned() })
    }

    /// Check readiness
    ///
    /// The service is not ready while a required part is unavailable, while migrations are pending, or while it shuts down.
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

fn status_of(condition: &Condition) -> (HealthStatus, Option<&str>) {
    match condition {
        Condition::Healthy => (HealthStatus::Healthy, None),
        Condition::Degraded(why) => (HealthStatus::Degraded, Some(why)),
        Condition::Unhealthy(why) => (HealthStatus::Unhealthy, Some(why)),
    }
}

impl From<ProbeReport> for Check {
    fn from(probe: ProbeReport) -> Self {
        let (status, message) = status_of(&probe.condition);
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
