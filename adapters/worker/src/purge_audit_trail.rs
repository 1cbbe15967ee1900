//! Removes audit events because of their age.

use std::time::Duration;

use kayan_core::{Failure, Kayan};

use crate::runner::Job;

pub(crate) const JOB: Job = Job { name: "purge_audit_trail", every: Duration::from_mins(10), at_start: false };

/// Without a lease: an event is removed once. Of two replicas that meet, each tells of the purge in the audit trail, as the
/// next purge does after one that was broken off.
pub(crate) async fn run(kayan: &Kayan, age: Duration) -> Result<(), Failure> {
    let count = kayan.retain_events(age).await?;
    if count > 0 {
        tracing::info!(count, "audit events were purged because of their age");
    }
    Ok(())
}
