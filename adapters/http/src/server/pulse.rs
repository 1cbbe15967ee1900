//! The activity of a connection: recorded by its socket and its requests, read by its time limits.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
};

/// A client makes progress if it reads 2^12 bytes of the response in the allowed time.
const STEP: u32 = 12;

/// Counts the activity of one connection.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    /// Requests whose handlers are running.
    requests: AtomicUsize,
    /// Responses that are not completely handed to the connection.
    answers: AtomicUsize,
    /// Whether there was a request.
    begun: AtomicBool,
    /// Whether requests share the connection: HTTP/2.
    shared: AtomicBool,
    /// Whether bytes have arrived since the last request.
    heard: AtomicBool,
    /// Whether the socket accepts no more bytes at the moment.
    blocked: AtomicBool,
    /// Parts of responses that were handed over.
    parts: AtomicU64,
    /// Bytes that were written.
    written: AtomicU64,
}

/// What a connection is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// For the client: the first request, or the rest of a request's head.
    Head,
    /// For the client: another request.
    Idle,
    /// For a handler.
    Working,
    /// For the client to read its response. The number changes as it does.
    Sending(u64),
}

impl Pulse {
    /// What the connection waits for now.
    pub(super) fn phase(&self) -> Phase {
        if self.requests.load(Relaxed) > 0 {
            Phase::Working
        } else if self.blocked.load(Relaxed) {
            Phase::Sending(self.written.load(Relaxed) >> STEP)
        } else if self.answers.load(Relaxed) > 0 {
            Phase::Sending(self.parts.load(Relaxed))
        } else if !self.begun.load(Relaxed) || (self.heard.load(Relaxed) && !self.is_shared()) {
            Phase::Head
        } else {
            Phase::Idle
        }
    }

    /// Whether requests share the connection: HTTP/2.
    pub(super) fn is_shared(&self) -> bool {
        self.shared.load(Relaxed)
    }

    /// Notes that bytes have arrived.
    pub(super) fn hear(&self) {
        self.heard.store(true, Relaxed);
    }

    /// Notes the result of a write: the number of bytes, or `None` if the socket accepts none at the moment.
    pub(super) fn write(&self, written: Option<usize>) {
        self.blocked.store(written.is_none(), Relaxed);
        self.written.fetch_add(written.unwrap_or_default() as u64, Relaxed);
    }

    /// Notes that a part of a response was handed over.
    pub(super) fn part(&self) {
        self.parts.fetch_add(1, Relaxed);
    }
}

/// A request, from its head to the end of its response; it is counted while this exists.
#[derive(Debug)]
pub(super) struct Exchange {
    pulse: Arc<Pulse>,
    is_answered: bool,
}

impl Exchange {
    /// Starts with a complete head; `shared`: by HTTP/2.
    pub(super) fn begin(pulse: Arc<Pulse>, shared: bool) -> Self {
        pulse.requests.fetch_add(1, Relaxed);
        pulse.begun.store(true, Relaxed);
        pulse.shared.store(shared, Relaxed);
        pulse.heard.store(false, Relaxed);
        Self { pulse, is_answered: false }
    }

    /// Continues with the response.
    pub(super) fn answer(mut self) -> Self {
        self.pulse.answers.fetch_add(1, Relaxed);
        self.pulse.requests.fetch_sub(1, Relaxed);
        self.is_answered = true;
        self
    }

    /// The connection.
    pub(super) fn pulse(&self) -> &Pulse {
        &self.pulse
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let counted = if self.is_answered { &self.pulse.answers } else { &self.pulse.requests };
        counted.fetch_sub(1, Relaxed);
    }
}
