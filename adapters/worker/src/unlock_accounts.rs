//! Unlocks accounts whose locks have ended.

use std::time::Duration;

use kayan_core::{Failure, Kayan};

use crate::runner::Job;

pub(crate) const JOB: Job = Job { name: "unlock_accounts", every: Duration::from_secs(5), at_start: false };

/// Needs no lease: the replica that commits first unlocks the account and records it.
pub(crate) async fn run(kayan: &Kayan) -> Result<(), Failure> {
    kayan.end_locks().await
}
