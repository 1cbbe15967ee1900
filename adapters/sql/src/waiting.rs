//! Counts the requests that wait for a connection.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many wait.
#[derive(Debug, Default)]
pub struct Waiting(AtomicUsize);

/// A request that waits; dropped when it has its connection, or is cancelled.
#[derive(Debug)]
pub struct OneWaiting<'a>(&'a AtomicUsize);

impl Waiting {
    /// One more, for as long as the answer lives.
    pub fn one(&self) -> OneWaiting<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        OneWaiting(&self.0)
    }

    /// How many wait now.
    pub fn number(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for OneWaiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
