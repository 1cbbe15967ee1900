//! Replaces the keys that sign JWTs and biscuits on schedule.

use std::time::Duration;

use kayan_core::{Failure, Kayan};

use crate::runner::Job;

/// At the start as well: keys may have become due while the service was down.
pub(crate) const JOB: Job = Job { name: "replace_keys", every: Duration::from_secs(20), at_start: true };

/// Needs no lease: each change has a guard, and is made by one replica.
pub(crate) async fn run(kayan: &Kayan) -> Result<(), Failure> {
    let replaced = kayan.replace_due_keys().await?;
    if replaced > 0 {
        tracing::info!(replaced, "replaced signing keys");
    }
    Ok(())
}
