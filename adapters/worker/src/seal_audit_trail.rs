//! Seals the audit trail.

use std::time::Duration;

use kayan_core::{Failure, Kayan};

use crate::runner::Job;

/// At the start as well, so that events from before a restart are sealed without delay.
pub(crate) const JOB: Job = Job { name: "seal_audit_trail", every: Duration::from_secs(30), at_start: true };

/// The use-case takes a lease: while one replica seals, the run of the others succeeds without doing anything.
pub(crate) async fn run(kayan: &Kayan) -> Result<(), Failure> {
    let sealed = kayan.seal_events().await?;
    if sealed.seals > 0 {
        tracing::debug!(sealed.seals, sealed.events, "sealed the audit trail");
    }
    Ok(())
}
