//! Runs a job again and again, whatever comes of it.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt as _;
use kayan_core::Failure;
use kayan_ports::{Clock, Entropy};
use tokio::time::{Instant, sleep};

/// When a job runs.
#[derive(Clone, Copy)]
pub(crate) struct Job {
    /// Its name in the log and in the metrics.
    pub(crate) name: &'static str,
    /// How long it rests after each run; a little is added by chance.
    pub(crate) every: Duration,
    /// Whether it runs as soon as the service starts, or rests first.
    pub(crate) at_start: bool,
}

/// Runs jobs.
#[derive(Clone, Copy)]
pub(crate) struct Runner<'a> {
    pub(crate) clock: &'a dyn Clock,
    pub(crate) entropy: &'a dyn Entropy,
}

impl Runner<'_> {
    /// Runs the job at its times. Never returns: a run that fails or panics is logged, counted, and tried again.
    pub(crate) async fn keep(&self, job: Job, mut work: impl AsyncFnMut() -> Result<(), Failure>) {
        let Job { name, every, at_start } = job;
        let runs = |status: &'static str| metrics::counter!("kayan_job_runs_total", "job" => name, "status" => status);
        let (successes, failures) = (runs("success"), runs("failure"));
        let duration = metrics::histogram!("kayan_job_duration_seconds", "job" => name);
        let last_success = metrics::gauge!("kayan_job_last_success_timestamp_seconds", "job" => name);
        // There before the first run: a job that never comes to its end is seen, too.
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
                    tracing::warn!(job = name, %error, "a background job failed; it is tried again");
                }
                Err(_) => {
                    failures.increment(1);
                    tracing::error!(job = name, "a background job panicked; it is tried again");
                }
            }
            self.rest(every).await;
        }
    }

    /// Waits for the interval and at most a tenth of it more, so that replicas that started together don't work together.
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
