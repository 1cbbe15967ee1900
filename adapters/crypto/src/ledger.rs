//! Records what this thread has computed, so that tests compare amounts of work instead of times.

use std::cell::RefCell;

/// An algorithm and how much of its own unit was done: bcrypt rounds, argon2 blocks, scrypt N·r·p, PBKDF2 rounds.
pub(crate) type Entry = (&'static str, u64);

thread_local! {
    static DONE: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn enter(algorithm: &'static str, work: u64) {
    DONE.with_borrow_mut(|done| done.push((algorithm, work)));
}

/// What was done since the last call.
pub(crate) fn take() -> Vec<Entry> {
    DONE.take()
}
