//! Checks the health of every part concurrently.

use std::sync::Arc;

use kayan_ports::{Clock, Condition, Probe, Timestamp};

/// The service's health.
#[derive(Debug, Clone)]
pub struct HealthReport {
    /// The worst of its parts; healthy if it has none.
    pub condition: Condition,
    /// When it was checked.
    pub at: Timestamp,
    /// The parts, in the order of the probes.
    pub probes: Vec<ProbeReport>,
}

/// One part's health.
#[derive(Debug, Clone)]
pub struct ProbeReport {
    /// Its name.
    pub name: &'static str,
    /// Its condition.
    pub condition: Condition,
    /// How long it took to answer, in milliseconds.
    pub latency_ms: f64,
}

/// Knows the parts. Independent of [`crate::Kayan`], so that it answers even if a port fails.
pub struct CheckHealth {
    probes: Vec<Arc<dyn Probe>>,
    clock: Arc<dyn Clock>,
}

impl CheckHealth {
    /// Takes the parts to check.
    pub fn new(probes: Vec<Arc<dyn Probe>>, clock: Arc<dyn Clock>) -> Self {
        Self { probes, clock }
    }

    /// Asks them all concurrently.
    pub async fn run(&self) -> HealthReport {
        let at = self.clock.now();
        let probes = futures_util::future::join_all(self.probes.iter().map(|probe| self.ask(&**probe))).await;
        let condition = probes.iter().map(|report| &report.condition).max_by_key(|c| severity(c)).cloned();
        HealthReport { condition: condition.unwrap_or(Condition::Healthy), at, probes }
    }

    async fn ask(&self, probe: &dyn Probe) -> ProbeReport {
        let begun = self.clock.now();
        let condition = probe.check().await;
        let latency_ms = (self.clock.now() - begun).as_seconds_f64() * 1000.0;
        ProbeReport { name: probe.name(), condition, latency_ms }
    }
}

fn severity(condition: &Condition) -> u8 {
    match condition {
        Condition::Healthy => 0,
        Condition::Degraded(_) => 1,
        Condition::Unhealthy(_) => 2,
    }
}
