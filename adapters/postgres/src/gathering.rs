//! Questions that wait while others of their kind are under way, to be asked together in one statement.
//!
//! What a look-up by key costs is mostly being asked: a message, two processes that wake, a statement that begins and ends.
//! On a busy service a dozen share that. Where few ask at a time, each is asked by itself and at once.

use std::collections::HashMap;

use kayan_sql::{Query, Row, Value};
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// So many of a kind are under way before the next ones wait for each other.
const AT_ONCE: usize = 2;
/// So many are asked together, at most.
const MOST: usize = 64;

/// The questions that are under way, and those that wait, by the statement that asks them.
#[derive(Debug, Default)]
pub(crate) struct Gathering(Mutex<HashMap<&'static str, Kind>>);

#[derive(Debug, Default)]
struct Kind {
    under_way: usize,
    waiting: Vec<Waiting>,
}

/// A question that is asked together with others, and who waits for its answer. Whoever hears nothing asks by himself.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) params: Vec<Value>,
    pub(crate) answer: oneshot::Sender<Vec<Row>>,
}

/// When a question may be asked.
pub(crate) enum Turn {
    /// At once, and by itself; then somebody has to `leave`.
    Now,
    /// Others ask it, and this brings the answer.
    Later(oneshot::Receiver<Vec<Row>>),
}

impl Gathering {
    /// Comes with a question.
    pub(crate) fn come(&self, query: &Query) -> Turn {
        let mut kinds = self.0.lock();
        let kind = kinds.entry(query.sql).or_default();
        if kind.under_way < AT_ONCE {
            kind.under_way += 1;
            return Turn::Now;
        }
        let (answer, hears) = oneshot::channel();
        kind.waiting.push(Waiting { params: query.params.clone(), answer });
        Turn::Later(hears)
    }

    /// Leaves the place of one that was under way to those who wait; with nobody there, it is free.
    pub(crate) fn leave(&self, sql: &'static str) -> Vec<Waiting> {
        let mut kinds = self.0.lock();
        let Some(kind) = kinds.get_mut(sql) else { return Vec::new() };
        kind.waiting.retain(|waiting| !waiting.answer.is_closed());
        let next: Vec<_> = kind.waiting.drain(..kind.waiting.len().min(MOST)).collect();
        if next.is_empty() {
            kind.under_way = kind.under_way.saturating_sub(1);
        }
        next
    }
}
