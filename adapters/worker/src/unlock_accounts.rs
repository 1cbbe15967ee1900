//! Unlocks the accounts whose locks are over.

use std::time::Duration;

use kayan_core::{Failure, Kayan};

use crate::runner::Job;

pub(crate) const JOB: Job = Job { name: "unlock_accounts", every: Duration::from_secs(5), at_start: false };

/// Without a lease: an account is unlocked, and told of, by the replica that commits first.
pub(crate) async fn run(kayan: &Kayan) -> Result<(), Failure> {
    kayan.end_locks().await
}
