//! Measures what waits in the outbox.

use std::time::Duration;

use kayan_core::{Failure, Kayan};
use kayan_ports::Clock;

use crate::runner::Job;

pub(crate) const JOB: Job = Job { name: "measure_outbox", every: Duration::from_secs(15), at_start: true };

pub(crate) async fn run(kayan: &Kayan, clock: &dyn Clock) -> Result<(), Failure> {
    let backlog = kayan.message_backlog().await?;
    let age = backlog.oldest.map_or(0.0, |oldest| (clock.now() - oldest).as_seconds_f64().max(0.0));
    metrics::gauge!("kayan_messages_waiting").set(float(backlog.waiting));
    metrics::gauge!("kayan_messages_dead").set(float(backlog.dead));
    metrics::gauge!("kayan_message_oldest_age_seconds").set(age);
    Ok(())
}

fn float(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
