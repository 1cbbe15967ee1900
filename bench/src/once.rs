//! Requests that are good for one answer each, such as codes, and those that prepare them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use tokio::task::JoinSet;

use crate::{failure::Failure, load::Answered, service::Service};

/// Enough to keep the disk busy: a login by a code waits for it more than once.
const CONNECTIONS: usize = 64;

/// What came of requests that were sent once each.
#[derive(Debug)]
pub(crate) struct Sent {
    /// The bodies of the answers, in the order of the requests.
    pub(crate) bodies: Vec<String>,
    /// Requests per second.
    pub(crate) rate: f64,
    /// The service's processor time for each in microseconds, where the system tells.
    pub(crate) cpu: Option<f64>,
}

/// Sends each request once, as fast as they are answered. All must be answered with this status.
pub(crate) async fn send(service: &Service, requests: Vec<String>, status: u16) -> Result<Sent, Failure> {
    send_over(service, CONNECTIONS, requests, status).await
}

/// The same over this many connections.
pub(crate) async fn send_over(
    service: &Service,
    connected: usize,
    requests: Vec<String>,
    status: u16,
) -> Result<Sent, Failure> {
    let (requests, next) = (Arc::new(requests), Arc::new(AtomicUsize::new(0)));
    let mut connections = Vec::with_capacity(connected);
    for _ in 0..connected {
        connections.push(service.connect().await?);
    }
    let (before, begun) = (service.on_core(), Instant::now());
    let mut sending = JoinSet::new();
    for mut connection in connections {
        let (requests, next) = (Arc::clone(&requests), Arc::clone(&next));
        sending.spawn(async move {
            let mut bodies = Vec::new();
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(request) = requests.get(place) else { return Ok(bodies) };
                let answer = connection.ask(request.as_bytes()).await.map_err(Failure::io("a connection broke"))?;
                let body = String::from_utf8_lossy(answer.body).into_owned();
                if answer.status != status {
                    let answered = answer.status;
                    return Err(Failure::Wrong(format!("a request was answered {answered}, not {status}: {body}")));
                }
                bodies.push((place, body));
            }
        });
    }
    let mut bodies = Vec::with_capacity(requests.len());
    while let Some(ended) = sending.join_next().await {
        bodies.extend(ended.map_err(Failure::wrong("a client panicked"))??);
    }
    let answered = Answered { count: u32::try_from(bodies.len()).unwrap_or(u32::MAX), took: begun.elapsed() };
    let spent = before.zip(service.on_core()).map(|(before, after)| after.saturating_sub(before));
    bodies.sort_unstable_by_key(|(place, _)| *place);
    Ok(Sent {
        bodies: bodies.into_iter().map(|(_, body)| body).collect(),
        rate: answered.rate(),
        cpu: spent.map(|spent| spent.as_secs_f64() * 1e6 / f64::from(answered.count)),
    })
}

/// The text member of each of the bodies that begins with `key`, which is `"name":"`.
pub(crate) fn members(bodies: &[String], key: &str) -> Result<Vec<String>, Failure> {
    let missing = |body| Failure::Wrong(format!("an answer has no member {key}: {body}"));
    let member = |body: &String| crate::clients::member(body.as_bytes(), key).map(str::to_owned);
    bodies.iter().map(|body| member(body).ok_or_else(|| missing(body))).collect()
}
