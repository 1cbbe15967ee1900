//! Load: as much as is answered, or so much a second.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::{clients::Client, failure::Failure};

/// How many requests were answered, and in how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered {
    /// The requests.
    pub(crate) count: u32,
    /// From the first question to the last answer.
    pub(crate) took: Duration,
}

impl Answered {
    /// Requests per second.
    pub(crate) fn rate(self) -> f64 {
        f64::from(self.count) / self.took.as_secs_f64()
    }
}

/// Lets every client ask as fast as it is answered; each finishes what it has begun when the time is over.
pub(crate) async fn flood(clients: &mut Vec<Client>, window: Duration) -> Result<Answered, Failure> {
    let begun = Instant::now();
    let mut asking = JoinSet::new();
    for mut client in clients.drain(..) {
        asking.spawn(async move {
            let mut count = 0;
            while begun.elapsed() < window {
                client.ask().await?;
                count += 1;
            }
            Ok::<_, Failure>((client, count))
        });
    }
    let mut count = 0;
    while let Some(ended) = asking.join_next().await {
        let (client, asked): (Client, u32) = ended.map_err(Failure::wrong("a client panicked"))??;
        clients.push(client);
        count += asked;
    }
    Ok(Answered { count, took: begun.elapsed() })
}

/// The error of the clients' own timers, which wake them up to a millisecond or two after a request is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timers {
    /// They count as a delay of the answer.
    Count,
    /// They don't: for answers that take less than they do.
    Excused,
}

/// Lets the clients send requests in turn, at this rate per second however long the answers take. Returns each answer's delay
/// from the moment at which its request was due, so that a stall counts for all requests due meanwhile.
pub(crate) async fn pace(
    clients: &mut Vec<Client>,
    rate: u32,
    window: Duration,
    timers: Timers,
) -> Result<Vec<Duration>, Failure> {
    let begun = tokio::time::Instant::now();
    let step = Duration::from_secs(1) / rate;
    let turn = step * u32::try_from(clients.len()).unwrap_or(u32::MAX);
    let mut asking = JoinSet::new();
    for (mut client, place) in clients.drain(..).zip(0_u32..) {
        asking.spawn(async move {
            let mut delays = Vec::new();
            let mut due = begun + step * place;
            while due.duration_since(begun) < window {
                // Who is still waiting for the last answer when the next question is due is not late by a timer.
                let excused = timers == Timers::Excused && tokio::time::Instant::now() < due;
                tokio::time::sleep_until(due).await;
                let since = if excused { tokio::time::Instant::now() } else { due };
                client.ask().await?;
                delays.push(since.elapsed());
                due += turn;
            }
            Ok::<_, Failure>((client, delays))
        });
    }
    let mut all = Vec::new();
    while let Some(ended) = asking.join_next().await {
        let (client, delays) = ended.map_err(Failure::wrong("a client panicked"))??;
        clients.push(client);
        all.extend(delays);
    }
    Ok(all)
}
