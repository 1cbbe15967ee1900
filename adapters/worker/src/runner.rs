//! Runs a job on its schedule, whatever its result.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt as _;
use kayan_core::Failure;
use kayan_ports::{Clock, Entropy};
use tokio::time::{Instant, sleep};

/// A job and its schedule.
#[derive(Clone, Copy)]
pub(crate) struct Job {
    /// Its name in the log and in the metrics.
    pub(crate) name: &'static str,
    /// How long to wait after each run; a random part is added.
    pub(crate) every: Duration,
    /// Whether the first run is at the start of the service, or after the first wait.
    pub(crate) at_start: bool,
}

/// Runs jobs.
#[derive(Clone, Copy)]
pub(crate) struct Runner<'a> {
    pub(crate) clock: &'a dyn Clock,
    pub(crate) entropy: &'a dyn Entropy,
}

impl Runner<'_> {
    /// Runs the job on its schedule. Never returns: a run that fails or panics is logged, counted, and retried.
    pub(crate) async fn keep(&self, job: Job, mut work: impl AsyncFnMut() -> Result<(), Failure>) {
        let Job { name, every, at_start } = job;
        let runs = |status: &'static str| metrics::counter!("kayan_job_runs_total", "job" => name, "status" => status);
        let (successes, failures) = (runs("success"), runs("failure"));
        let duration = metrics::histogram!("kayan_job_duration_seconds", "job" => name);
        let last_success = metrics::gauge!("kayan_job_last_success_timestamp_seconds", "job" => name);
        // Set before the first run, so that a job that never finishes is noticed.
        successes.increment(0);
        failures.increment(0);
        metrics::gauge!("kayan_job_interval_seconds", "job" => name).set(every);
        last_success.set(self.now());
        if !at_start {
            self.rest(every).await;
        }
        loop {
            let begun = Instant::now();
            let outcome = AssertUnwindSafe(work()).catch_unwind().await;
            duration.record(begun.elapsed());
            match outcome {
                Ok(Ok(())) => {
                    successes.increment(1);
                    last_success.set(self.now());
                }
                Ok(Err(error)) => {
                    failures.increment(1);
                    tracing::warn!(job = name, %error, "a background job failed; it will be retried");
                }
                Err(_) => {
                    failures.increment(1);
                    tracing::error!(job = name, "a background job panicked; it will be retried");
                }
            }
            self.rest(every).await;
        }
    }

    /// Waits for the interval and up to a tenth more, so that replicas that started together don't run together.
    async fn rest(&self, every: Duration) {
        let mut random = [0; 4];
        self.entropy.fill(&mut random);
        let share = f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX);
        sleep(every + every.mul_f64(share) / 10).await;
    }

    fn now(&self) -> f64 {
        let now = self.clock.now() - kayan_ports::Timestamp::UNIX_EPOCH;
        now.as_seconds_f64()
    }
}

#[cfg(test)]
mod tests;
