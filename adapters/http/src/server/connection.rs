//! One connection, from its first byte to its end, with a time limit for each step.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::{Request, Response, Version, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use poem::{
    Endpoint,
    http::uri::Scheme,
    web::{LocalAddr, RemoteAddr},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    time::{Instant, Sleep, sleep_until},
};

use super::{
    Limits, Refuse,
    outgoing::Outgoing,
    pulse::{Exchange, Phase, Pulse},
    socket::Socket,
};

/// The most bytes of an HTTP/1 head, and of a response that waits to be written.
const HEAD: usize = 128 << 10;
/// The most concurrent streams of an HTTP/2 connection.
const STREAMS: u32 = 100;
/// The most bytes of an HTTP/2 head, decompressed (RFC 9113, section 6.5.2).
const HEAD_LIST: u32 = 16 << 10;
/// How many bytes an HTTP/2 client may send ahead, for a stream and for all of them.
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 256 << 10;
/// The most bytes of an HTTP/2 stream that wait to be sent.
const SEND_BUFFER: usize = 16 << 10;
/// The most streams reset by the client that are not cleared yet; beyond that the connection ends.
const RESET_STREAMS: usize = 20;
/// How long an HTTP/2 client may take to see that no more requests are accepted.
const FAREWELL: Duration = Duration::from_secs(1);
/// How often a connection is checked while its handlers run.
const LOOK: Duration = Duration::from_secs(10);

/// What all connections of a server share.
pub(super) struct Shared<E> {
    pub(super) endpoint: E,
    pub(super) refuse: Arc<Refuse>,
    pub(super) limits: Limits,
    pub(super) builder: auto::Builder<TokioExecutor>,
}

/// Speaks HTTP/1 and HTTP/2, within the limits.
pub(super) fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().max_buf_size(HEAD);
    builder
        .http2()
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD_LIST)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(RESET_STREAMS);
    builder
}

/// Serves a connection until it ends, or until `stop` changes and the requests in flight are answered.
pub(super) async fn serve<E, Io>(
    io: Io,
    (local, remote): (LocalAddr, RemoteAddr),
    shared: Arc<Shared<E>>,
    mut stop: watch::Receiver<bool>,
) where
    E: Endpoint + 'static,
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let pulse = Arc::new(Pulse::default());
    let socket = Socket::new(io, pulse.clone(), shared.refuse.clone());
    let service = service_fn(|request: Request<Incoming>| {
        let exchange = Exchange::begin(pulse.clone(), request.version() == Version::HTTP_2);
        let request = (request, local.clone(), remote.clone(), Scheme::HTTP).into();
        let shared = shared.clone();
        async move {
            let response: Response<_> = shared.endpoint.get_response(request).await.into();
            Ok::<_, Infallible>(response.map(|body| Outgoing::new(body, exchange)))
        }
    });
    let connection = shared.builder.serve_connection(TokioIo::new(socket), service);
    let mut watched = Watched::new(&pulse, shared.limits);
    let (mut connection, mut timer) = (pin!(connection), pin!(sleep_until(watched.deadline)));
    let mut stop = pin!(stop.changed());
    poll_fn(|cx| {
        loop {
            // What ends it by itself, such as a disconnected client, needs no action.
            if connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            match ready!(watched.poll(cx, timer.as_mut(), stop.as_mut())) {
                Order::Finish => connection.as_mut().graceful_shutdown(),
                Order::End => return Poll::Ready(()),
            }
        }
    })
    .await;
}

/// What to do with a connection.
enum Order {
    /// Accept no more requests, and end when those in flight are answered.
    Finish,
    /// End now.
    End,
}

/// Enforces the time limits.
struct Watched<'a> {
    pulse: &'a Pulse,
    limits: Limits,
    phase: Phase,
    /// When the phase must be over. The timer may fire earlier, and is then set again, which is cheaper than setting it
    /// for each request.
    deadline: Instant,
    /// When everything must be over, while the server stops.
    last: Option<Instant>,
    is_finishing: bool,
}

impl<'a> Watched<'a> {
    fn new(pulse: &'a Pulse, limits: Limits) -> Self {
        let (phase, deadline) = (pulse.phase(), Instant::now() + limits.head);
        Self { pulse, limits, phase, deadline, last: None, is_finishing: false }
    }

    /// Ready when something must be done with the connection. Call it each time after polling the connection.
    fn poll(&mut self, cx: &mut Context<'_>, mut timer: Pin<&mut Sleep>, stop: Pin<&mut impl Future>) -> Poll<Order> {
        let phase = self.pulse.phase();
        if phase != self.phase {
            self.phase = phase;
            self.set(timer.as_mut());
        }
        if self.last.is_none() && stop.poll(cx).is_ready() {
            self.last = Some(Instant::now() + self.limits.grace);
            return Poll::Ready(self.finish(timer));
        }
        if self.is_finishing && self.is_done() {
            return Poll::Ready(Order::End);
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            let now = Instant::now();
            if now < self.deadline {
                timer.as_mut().reset(self.deadline);
            } else if self.last.is_some_and(|last| last <= now) {
                return Poll::Ready(Order::End);
            } else {
                match self.phase {
                    Phase::Working => self.set(timer.as_mut()),
                    Phase::Idle if !self.is_finishing => return Poll::Ready(self.finish(timer)),
                    Phase::Idle | Phase::Head | Phase::Sending(_) => return Poll::Ready(Order::End),
                }
            }
        }
    }

    fn finish(&mut self, timer: Pin<&mut Sleep>) -> Order {
        self.is_finishing = true;
        self.set(timer);
        if self.is_done() { Order::End } else { Order::Finish }
    }

    /// Whether nothing is in flight that the client could miss. An HTTP/2 client must first learn that no more requests
    /// are accepted.
    fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Head) && !self.pulse.is_shared()
    }

    /// Sets the deadline of the current phase.
    fn set(&mut self, timer: Pin<&mut Sleep>) {
        let limit = match self.phase {
            Phase::Idle | Phase::Head if self.is_finishing => FAREWELL,
            Phase::Head => self.limits.head,
            Phase::Idle => self.limits.idle,
            Phase::Working => LOOK,
            Phase::Sending(_) => self.limits.write,
        };
        let deadline = Instant::now() + limit;
        self.deadline = self.last.map_or(deadline, |last| last.min(deadline));
        if self.deadline < timer.deadline() {
            timer.reset(self.deadline);
        }
    }
}
