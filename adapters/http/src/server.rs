//! The HTTP server: accepts connections, HTTP/1.1 and HTTP/2 without TLS, and limits their number, time and memory.

mod connection;
mod outgoing;
mod pulse;
mod socket;
#[cfg(test)]
mod tests;

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use metrics::Gauge;
use poem::{
    Endpoint,
    http::StatusCode,
    web::{LocalAddr, RemoteAddr},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, sleep, timeout},
};

use self::connection::Shared;
pub(crate) use self::socket::Refusal;

/// How long to wait after the operating system failed to accept a connection.
const PAUSE: Duration = Duration::from_millis(100);
/// How often that is logged at most.
const TELL: Duration = Duration::from_secs(1);

/// The limits of a server.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most connections at once, 1 to 1,000,000; further ones wait until one ends.
    pub connections: usize,
    /// The time from the first byte of a request's head to its last, and from connecting to the end of the first head.
    pub head: Duration,
    /// The time from a response to the next request.
    pub idle: Duration,
    /// How long a client may leave a response unread.
    pub write: Duration,
    /// How long requests in flight may take when the server stops.
    pub grace: Duration,
}

impl Default for Limits {
    /// 1,000 connections; 10 s for a head, 75 s idle, 30 s unread, 30 s to finish.
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connections: 1_000, head: seconds(10), idle: seconds(75), write: seconds(30), grace: seconds(30) }
    }
}

/// Writes the response to bytes that are not a valid request, by the status of the refusal.
pub(crate) type Refuse = dyn Fn(StatusCode) -> Refusal + Send + Sync;

/// Serves connections until `stop`; then accepts no more, and returns when the open ones have ended, after
/// [`Limits::grace`] at the latest.
pub(crate) async fn run<E: Endpoint + 'static>(
    listener: TcpListener,
    endpoint: E,
    refuse: Arc<Refuse>,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let (stopping, _) = watch::channel(false);
    let shared = Arc::new(Shared { endpoint, refuse, limits, builder: connection::builder() });
    let open = metrics::gauge!("kayan_http_connections");
    open.set(0.0);
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; there are never 2^53 of these")]
    metrics::gauge!("kayan_http_connections_max").set(limits.connections as f64);
    let accept = async {
        let mut complaint = Complaint::default();
        loop {
            let place = place(&places, &mut complaint).await;
            match listener.accept().await {
                Ok((stream, remote)) => {
                    let counted = Open::new(place, open.clone());
                    let served = serve(stream, remote, shared.clone(), stopping.subscribe());
                    tokio::spawn(async move {
                        served.await;
                        drop(counted);
                    });
                }
                Err(error) if is_of_the_client(&error) => {}
                Err(error) => {
                    complaint.tell(|| tracing::error!(%error, "connections can't be accepted at the moment"));
                    sleep(PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = accept => {}
        () = stop => {}
    }
    drop(listener);
    stopping.send_replace(true);
    let all = places.acquire_many(u32::try_from(limits.connections).unwrap_or(u32::MAX));
    // Each connection ends by itself in time; a second more allows for a busy machine.
    if timeout(limits.grace + Duration::from_secs(1), all).await.is_err() {
        tracing::warn!("closing connections whose requests took too long to finish");
    }
}

/// Waits until one more connection is allowed.
async fn place(places: &Arc<Semaphore>, complaint: &mut Complaint) -> OwnedSemaphorePermit {
    if let Ok(place) = places.clone().try_acquire_owned() {
        return place;
    }
    loop {
        complaint.tell(|| tracing::warn!("KAYAN_MAX_CONNECTIONS connections are open; further ones wait"));
        // It is never closed.
        if let Ok(Ok(place)) = timeout(TELL, places.clone().acquire_owned()).await {
            return place;
        }
    }
}

/// Whether only this connection failed, before it was accepted.
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Logs a failure of all connections, but not too often.
#[derive(Default)]
struct Complaint(Option<Instant>);

impl Complaint {
    fn tell(&mut self, tell: impl FnOnce()) {
        let now = Instant::now();
        if self.0.is_none_or(|last| now - last >= TELL) {
            self.0 = Some(now);
            tell();
        }
    }
}

/// An open connection, which is counted while this exists.
struct Open {
    _place: OwnedSemaphorePermit,
    gauge: Gauge,
}

impl Open {
    fn new(place: OwnedSemaphorePermit, gauge: Gauge) -> Self {
        gauge.increment(1.0);
        Self { _place: place, gauge }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.gauge.decrement(1.0);
    }
}

async fn serve<E: Endpoint + 'static>(
    stream: TcpStream,
    remote: SocketAddr,
    shared: Arc<Shared<E>>,
    stop: watch::Receiver<bool>,
) {
    // Responses are written whole: waiting for more to send gains nothing.
    let local = stream.set_nodelay(true).and_then(|()| stream.local_addr());
    // The client may have disconnected already.
    let Ok(local) = local else { return };
    connection::serve(stream, (LocalAddr(local.into()), RemoteAddr(remote.into())), shared, stop).await;
}
