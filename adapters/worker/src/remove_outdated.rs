//! Removes what is out of date: ended sessions, forgotten attempts, answers of yesterday.

use std::time::Duration;

use kayan_core::{Failure, Kayan};

use crate::runner::Job;

pub(crate) const JOB: Job = Job { name: "remove_outdated", every: Duration::from_mins(10), at_start: false };

/// Without a lease: what another replica has removed is not found, and nothing is told of it.
pub(crate) async fn run(kayan: &Kayan) -> Result<(), Failure> {
    kayan.clean_up().await
}
