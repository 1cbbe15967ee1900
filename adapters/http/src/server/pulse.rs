//! What is happening on a connection: written down by its socket and its requests, read by its time limits.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
};

/// A client reads its answer if it takes 2^12 bytes in the time that it has; less is no progress.
const STEP: u32 = 12;

/// Counts what is happening on one connection.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    /// Requests whose handlers run.
    requests: AtomicUsize,
    /// Answers of which a part is still to be handed to the connection.
    answers: AtomicUsize,
    /// Whether there has been a request.
    begun: AtomicBool,
    /// Whether requests share the connection: HTTP/2.
    shared: AtomicBool,
    /// Whether bytes have come since the last request.
    heard: AtomicBool,
    /// Whether the socket takes no more for the moment.
    blocked: AtomicBool,
    /// Parts of answers that were handed over.
    parts: AtomicU64,
    /// Bytes that were written.
    written: AtomicU64,
}

/// What a connection is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The client: the first request, or the rest of a request's head.
    Head,
    /// The client: another request.
    Idle,
    /// A handler.
    Working,
    /// The client: it should read its answer. The number changes as it does.
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

    /// Notes that bytes have come.
    pub(super) fn hear(&self) {
        self.heard.store(true, Relaxed);
    }

    /// Notes what became of a write: so many bytes, or the socket takes none for the moment.
    pub(super) fn write(&self, written: Option<usize>) {
        self.blocked.store(written.is_none(), Relaxed);
        self.written.fetch_add(written.unwrap_or_default() as u64, Relaxed);
    }

    /// Notes that a part of an answer was handed over.
    pub(super) fn part(&self) {
        self.parts.fetch_add(1, Relaxed);
    }
}

/// A request, from its head to the last of its answer; wherever it ends, it is no longer counted.
#[derive(Debug)]
pub(super) struct Exchange {
    pulse: Arc<Pulse>,
    is_answered: bool,
}

impl Exchange {
    /// Begins with a whole head; `shared`: by HTTP/2.
    pub(super) fn begin(pulse: Arc<Pulse>, shared: bool) -> Self {
        pulse.requests.fetch_add(1, Relaxed);
        pulse.begun.store(true, Relaxed);
        pulse.shared.store(shared, Relaxed);
        pulse.heard.store(false, Relaxed);
        Self { pulse, is_answered: false }
    }

    /// Goes on with the answer.
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
