//! Tests of jobs that fail, panic and wait, with paused time.

use std::cell::RefCell;

use kayan_fakes::{ManualClock, SeededEntropy};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::time::timeout;

use super::*;

const EVERY: Duration = Duration::from_mins(1);
const JOB: Job = Job { name: "dig", every: EVERY, at_start: false };

/// Random bytes that are all the same.
struct Always(u8);

impl Entropy for Always {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0);
    }
}

/// When the job ran, in seconds since the start, during this time.
async fn runs(entropy: &dyn Entropy, job: Job, span: Duration) -> Vec<f64> {
    let (begun, times) = (Instant::now(), RefCell::new(Vec::new()));
    let work = async || {
        times.borrow_mut().push(begun.elapsed().as_secs_f64());
        Ok(())
    };
    let runner = Runner { clock: &ManualClock::default(), entropy };
    timeout(span, runner.keep(job, work)).await.expect_err("the job keeps running");
    times.into_inner()
}

fn panics() -> Result<(), Failure> {
    panic!("a bug")
}

#[tokio::test(start_paused = true)]
async fn i_43_a_job_that_fails_or_panics_is_tried_again_at_its_next_turn_and_the_others_go_on() {
    let runner = Runner { clock: &ManualClock::default(), entropy: &Always(0) };
    let (mut failing, mut panicking, mut working) = (0, 0, 0);
    let all = async {
        tokio::join!(
            runner.keep(JOB, async || {
                failing += 1;
                Err(Failure::Unavailable("the database is away".to_owned()))
            }),
            runner.keep(JOB, async || {
                panicking += 1;
                panics()
            }),
            runner.keep(JOB, async || {
                working += 1;
                Ok(())
            }),
        )
    };
    timeout(EVERY * 3 + EVERY / 2, all).await.expect_err("none of them ends");
    assert_eq!((failing, panicking, working), (3, 3, 3));
}

#[tokio::test(start_paused = true)]
async fn a_job_rests_for_its_interval_and_at_most_a_tenth_more() {
    assert_eq!(runs(&Always(0), JOB, EVERY * 5 / 2).await, [60.0, 120.0], "never sooner");
    assert_eq!(runs(&Always(255), JOB, EVERY * 5 / 2).await, [66.0, 132.0], "never later");
    let times = runs(&SeededEntropy::new(7), JOB, EVERY * 1_000).await;
    let rests: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(rests.iter().all(|rest| (60.0..66.01).contains(rest)), "{rests:?}");
    assert!(rests.iter().any(|rest| *rest < 61.0) && rests.iter().any(|rest| *rest > 65.0), "{rests:?}");
}

#[tokio::test(start_paused = true)]
async fn a_job_of_the_start_runs_at_once() {
    let job = Job { at_start: true, ..JOB };
    assert_eq!(runs(&Always(255), job, EVERY * 3 / 2).await, [0.0, 66.0]);
}

#[tokio::test(start_paused = true)]
async fn runs_durations_and_the_last_success_are_recorded() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let recording = metrics::set_default_local_recorder(&recorder);
    let clock = ManualClock::default();
    let shows = |lines: &[String]| {
        let text = recorder.handle().render();
        let missing: Vec<_> = lines.iter().filter(|line| text.lines().all(|it| it != *line)).collect();
        assert!(missing.is_empty(), "no {missing:?} in\n{text}");
    };
    let runner = Runner { clock: &clock, entropy: &Always(0) };
    let began = runner.now();
    let last = |at: f64| format!(r#"kayan_job_last_success_timestamp_seconds{{job="dig"}} {at}"#);
    let counted = |status, count| format!(r#"kayan_job_runs_total{{job="dig",status="{status}"}} {count}"#);
    let mut run = 0;
    let work = async || {
        run += 1;
        sleep(Duration::from_secs(2)).await;
        clock.advance(Duration::from_secs(100));
        match run {
            1 => Ok(()),
            2 => Err(Failure::Overloaded),
            _ => panics(),
        }
    };
    let mut keeping = std::pin::pin!(runner.keep(JOB, work));
    timeout(Duration::ZERO, &mut keeping).await.expect_err("it rests");
    shows(&[counted("success", 0), counted("failure", 0), last(began)]);
    shows(&[r#"kayan_job_interval_seconds{job="dig"} 60"#.to_owned()]);
    timeout(EVERY * 4, keeping).await.expect_err("the job keeps running");
    shows(&[counted("success", 1), counted("failure", 2), last(began + 100.0)]);
    shows(&[
        r#"kayan_job_duration_seconds_count{job="dig"} 3"#.to_owned(),
        r#"kayan_job_duration_seconds_sum{job="dig"} 6"#.to_owned(),
    ]);
    drop(recording);
}
