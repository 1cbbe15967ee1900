//! Runs the maintenance that the database needs, such as creating next month's partitions.

use std::time::Duration;

use kayan_core::Failure;

use crate::runner::Job;

pub(crate) const JOB: Job = Job { name: "maintain_database", every: Duration::from_mins(10), at_start: false };

/// Needs no lease: a replica that finds everything done does nothing.
pub(crate) async fn run(maintain: &impl AsyncFn() -> Result<(), Failure>) -> Result<(), Failure> {
    maintain().await
}
