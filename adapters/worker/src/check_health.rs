//! Checks the health of this replica.

use std::time::Duration;

use kayan_core::CheckHealth;
use kayan_ports::Condition;

use crate::runner::Job;

pub(crate) const JOB: Job = Job { name: "check_health", every: Duration::from_secs(10), at_start: true };

pub(crate) async fn run(health: &CheckHealth) {
    let able = !matches!(health.run().await.condition, Condition::Unhealthy(_));
    metrics::gauge!("kayan_health_status").set(f64::from(u8::from(able)));
}
