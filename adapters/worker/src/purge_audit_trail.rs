//! Purges audit events by age.

use std::time::Duration;

use kayan_core::{Failure, Kayan};

use crate::runner::Job;

pub(crate) const JOB: Job = Job { name: "purge_audit_trail", every: Duration::from_mins(10), at_start: false };

/// Needs no lease: an event is removed once. If two replicas run at the same time, each records the purge in the audit
/// trail, as the next run does after an interrupted one.
pub(crate) async fn run(kayan: &Kayan, age: Duration) -> Result<(), Failure> {
    let count = kayan.retain_events(age).await?;
    if count > 0 {
        tracing::info!(count, "audit events were purged by age");
    }
    Ok(())
}
