//! Answers that come at even times, so that their delay does not tell whether an account exists (I-08).

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Several times as long as the work takes on an idle machine, and too short for a person to notice.
const STEP: Duration = Duration::from_millis(10);

/// Does the work, and returns at the next multiple of 10 ms after its beginning: work that takes a few microseconds more
/// for an account that exists takes the same time for the client.
pub(crate) async fn at_even_times<T>(work: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let done = work.await;
    sleep_until(begun + next_step(begun.elapsed())).await;
    done
}

fn next_step(elapsed: Duration) -> Duration {
    let steps = elapsed.as_nanos() / STEP.as_nanos() + 1;
    STEP.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn i_08_answers_come_at_multiples_of_ten_milliseconds() {
        for (works, answers) in [(0, 10), (9, 10), (10, 20), (11, 20), (95, 100)] {
            let begun = Instant::now();
            at_even_times(tokio::time::sleep(Duration::from_millis(works))).await;
            assert_eq!(begun.elapsed(), Duration::from_millis(answers), "{works} ms of work");
        }
    }
}
