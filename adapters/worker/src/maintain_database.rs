//! Does what the database needs from time to time, such as making next month's partitions.

use std::time::Duration;

use kayan_core::Failure;

use crate::runner::Job;

pub(crate) const JOB: Job = Job { name: "maintain_database", every: Duration::from_mins(10), at_start: false };

/// Without a lease: what one replica has made is there for the next, which makes nothing then.
pub(crate) async fn run(maintain: &impl AsyncFn() -> Result<(), Failure>) -> Result<(), Failure> {
    maintain().await
}
