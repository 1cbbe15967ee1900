//! Watches this replica's clock.

use std::time::Duration;

use kayan_core::Kayan;

use crate::runner::Job;

pub(crate) const JOB: Job = Job { name: "watch_clock", every: Duration::from_secs(1), at_start: true };

pub(crate) fn run(kayan: &Kayan) {
    let watched = kayan.watch_clock();
    metrics::gauge!("kayan_clock_behind_seconds").set(watched.behind.as_seconds_f64());
    let put_back = metrics::counter!("kayan_clock_put_back_total");
    put_back.increment(u64::from(watched.put_back.is_some()));
    if let Some(by) = watched.put_back {
        tracing::warn!(
            seconds = by.whole_seconds(),
            "the clock was put back, or is behind the sealed audit trail: audit events get later times than the \
                 clock, whose own time is `clock` in their metadata; set the clock by NTP"
        );
    }
}
