//! The HTTP server: takes connections, HTTP/1.1 and HTTP/2 without TLS, and bounds their number, time and memory.

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

/// How long no connection is taken when the operating system gives none.
const PAUSE: Duration = Duration::from_millis(100);
/// How often that is logged.
const TELL: Duration = Duration::from_secs(1);

/// What a server bounds.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at once, 1 to 1,000,000; more wait until one ends.
    pub connections: usize,
    /// From the first byte of a request's head to its last, and from connecting to the end of the first head.
    pub head: Duration,
    /// From an answer to the next request.
    pub idle: Duration,
    /// How long a client may leave its answer unread.
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

/// Makes the answer to what is not a request, by the status that it is refused with.
pub(crate) type Refuse = dyn Fn(StatusCode) -> Refusal + Send + Sync;

/// Serves connections until `stop`; then takes no more, and returns when those that there are have ended, after
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
                    complaint.tell(|| tracing::error!(%error, "no connection can be taken for the moment"));
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
    // Each connection ends by itself in time; a second more is for a busy machine.
    if timeout(limits.grace + Duration::from_secs(1), all).await.is_err() {
        tracing::warn!("connections are cut off: their requests took too long to finish");
    }
}

/// Waits for a place for one more connection.
async fn place(places: &Arc<Semaphore>, complaint: &mut Complaint) -> OwnedSemaphorePermit {
    if let Ok(place) = places.clone().try_acquire_owned() {
        return place;
    }
    loop {
        complaint
            .tell(|| tracing::warn!("as many connections are open as KAYAN_MAX_CONNECTIONS allows; more must wait"));
        // It is never closed.
        if let Ok(Ok(place)) = timeout(TELL, places.clone().acquire_owned()).await {
            return place;
        }
    }
}

/// Whether a connection failed by itself, before it was taken; the next one may be good.
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// What goes wrong with every connection, logged now and then.
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

/// An open connection, as long as it is counted.
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
    // Answers are written whole: nothing is gained by waiting for more.
    let local = stream.set_nodelay(true).and_then(|()| stream.local_addr());
    // The client may be gone already.
    let Ok(local) = local else { return };
    connection::serve(stream, (LocalAddr(local.into()), RemoteAddr(remote.into())), shared, stop).await;
}
