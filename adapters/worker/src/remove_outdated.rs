//! Removes expired rows: ended sessions, old attempts, stored responses.

use std::time::Duration;

use kayan_core::{Failure, Kayan};

use crate::runner::Job;

pub(crate) const JOB: Job = Job { name: "remove_outdated", every: Duration::from_mins(10), at_start: false };

/// Needs no lease: a replica that finds nothing left to remove does nothing.
pub(crate) async fn run(kayan: &Kayan) -> Result<(), Failure> {
    kayan.clean_up().await
}
