//! Records how many refusals were not audited one by one.

use std::time::Duration;

use kayan_core::{Failure, Kayan};

use crate::runner::Job;

pub(crate) const JOB: Job = Job { name: "record_refusals", every: Duration::from_secs(20), at_start: false };

/// Needs no lease: each replica records its own refusals.
pub(crate) async fn run(kayan: &Kayan) -> Result<(), Failure> {
    kayan.record_left_out().await
}
