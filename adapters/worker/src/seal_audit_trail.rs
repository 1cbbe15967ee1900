//! Seals what has happened.

use std::time::Duration;

use kayan_core::{Failure, Kayan};

use crate::runner::Job;

/// At the start, too: what happened before a restart is sealed without delay.
pub(crate) const JOB: Job = Job { name: "seal_audit_trail", every: Duration::from_secs(30), at_start: true };

/// The use-case takes a lease: while one replica seals, this is a success of the others with nothing done.
pub(crate) async fn run(kayan: &Kayan) -> Result<(), Failure> {
    let sealed = kayan.seal_events().await?;
    if sealed.seals > 0 {
        tracing::debug!(sealed.seals, sealed.events, "sealed the audit trail");
    }
    Ok(())
}
