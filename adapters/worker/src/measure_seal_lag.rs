//! Measures the age of the oldest event that is not sealed.

use std::time::Duration;

use kayan_core::{Failure, Kayan};

use crate::runner::Job;

pub(crate) const JOB: Job = Job { name: "measure_seal_lag", every: Duration::from_secs(10), at_start: true };

pub(crate) async fn run(kayan: &Kayan) -> Result<(), Failure> {
    let lag = kayan.seal_lag().await?;
    metrics::gauge!("kayan_audit_seal_lag_seconds").set(lag.as_seconds_f64().max(0.0));
    Ok(())
}
