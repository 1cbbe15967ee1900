//! Lookups that wait while others with the same statement are running, to be sent together as one.
//!
//! Most of what a lookup by key costs is overhead: a message, two processes that wake, the start and end of a statement. On a
//! busy service a dozen share that. Under low load each is sent at once and by itself.

use std::collections::HashMap;

use kayan_sql::{Query, Row, Value};
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// How many with the same statement run before the next ones are batched.
const AT_ONCE: usize = 2;
/// The largest number in a batch.
const MOST: usize = 64;

/// The lookups that are running and waiting, by their statement.
#[derive(Debug, Default)]
pub(crate) struct Gathering(Mutex<HashMap<&'static str, Kind>>);

#[derive(Debug, Default)]
struct Kind {
    under_way: usize,
    waiting: Vec<Waiting>,
}

/// A waiting lookup, and where its rows are sent. If none are sent, the caller runs it by itself.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) params: Vec<Value>,
    pub(crate) answer: oneshot::Sender<Vec<Row>>,
}

/// When a lookup may run.
pub(crate) enum Turn {
    /// At once, and by itself; the caller has to `leave` afterwards.
    Now,
    /// With a batch; the rows arrive here.
    Later(oneshot::Receiver<Vec<Row>>),
}

impl Gathering {
    /// Registers a lookup.
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

    /// Hands the slot of a lookup that has ended to the waiting ones, or frees it if there are none.
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
