//! A database driver whose statements are timed.

use std::{collections::HashMap, sync::Arc, time::Instant};

use ::metrics::Histogram;
use async_trait::async_trait;
use kayan_ports::StoreError;
use kayan_sql::{ApplyError, ConnectionUse, Dialect, Driver, MigrationLock, Query, Row, Statement, TakeRows};
use parking_lot::RwLock;

const DURATION: &str = "kayan_db_query_duration_seconds";

/// The driver behind, and how long it takes.
pub struct ObservedDriver {
    inner: Arc<dyn Driver>,
    /// By where the statement stands in the program: they are all written there.
    questions: RwLock<HashMap<usize, Histogram>>,
    commits: Histogram,
}

impl ObservedDriver {
    /// Times what `inner` is asked.
    pub fn new(inner: Arc<dyn Driver>) -> Self {
        let commits = ::metrics::histogram!(DURATION, "operation" => "commit");
        Self { inner, questions: RwLock::default(), commits }
    }

    fn question(&self, sql: &'static str) -> Histogram {
        let place = sql.as_ptr().addr();
        if let Some(known) = self.questions.read().get(&place) {
            return known.clone();
        }
        let new = ::metrics::histogram!(DURATION, "operation" => signature(sql));
        self.questions.write().entry(place).or_insert(new).clone()
    }
}

/// What a statement is signed with, as in `-- sessions.presented`.
fn signature(sql: &'static str) -> &'static str {
    sql.lines().next().and_then(|line| line.strip_prefix("-- ")).unwrap_or("unsigned")
}

#[async_trait]
impl Driver for ObservedDriver {
    async fn read(&self, query: Query) -> Result<Vec<Row>, StoreError> {
        let (duration, begun) = (self.question(query.sql), Instant::now());
        let answer = self.inner.read(query).await;
        duration.record(begun.elapsed());
        answer
    }

    async fn apply(&self, batch: Vec<Statement>) -> Result<(), ApplyError> {
        let begun = Instant::now();
        let outcome = self.inner.apply(batch).await;
        self.commits.record(begun.elapsed());
        outcome
    }

    async fn snapshot(&self, questions: Vec<Query>, take: &mut TakeRows<'_>) -> Result<(), StoreError> {
        self.inner.snapshot(questions, take).await
    }

    async fn lock(&self) -> Result<Box<dyn MigrationLock>, StoreError> {
        self.inner.lock().await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.inner.ping().await
    }

    async fn maintain(&self) -> Result<(), StoreError> {
        self.inner.maintain().await
    }

    fn connections(&self) -> Option<ConnectionUse> {
        self.inner.connections()
    }

    fn dialect(&self) -> Dialect {
        self.inner.dialect()
    }
}
