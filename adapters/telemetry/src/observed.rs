//! A database driver that times its statements and traces them.

use std::{collections::HashMap, sync::Arc, time::Instant};

use ::metrics::Histogram;
use async_trait::async_trait;
use kayan_sql::{
    ApplyError, ConnectionUse, Dialect, Driver, DriverError, MigrationLock, Query, Row, Statement, TakeRows,
};
use opentelemetry::{KeyValue, trace::SpanKind};
use opentelemetry_sdk::trace::{SdkTracer, Span as SdkSpan};
use parking_lot::RwLock;

use crate::traces;

const DURATION: &str = "kayan_db_query_duration_seconds";

/// Decorates a driver with a metric and spans of its statements.
pub struct ObservedDriver {
    inner: Arc<dyn Driver>,
    /// By the address of the statement's text, which is part of the program.
    reads: RwLock<HashMap<usize, Histogram>>,
    commits: Histogram,
    tracer: Option<SdkTracer>,
}

/// The longest `db.query.summary` in bytes, by OpenTelemetry's semantic conventions.
const SUMMARY: usize = 255;

impl ObservedDriver {
    /// Times the statements of `inner`, and traces them if traces are set up.
    pub fn new(inner: Arc<dyn Driver>) -> Self {
        let commits = ::metrics::histogram!(DURATION, "operation" => "commit");
        Self { inner, reads: RwLock::default(), commits, tracer: traces::tracer() }
    }

    fn duration_of(&self, sql: &'static str) -> Histogram {
        let address = sql.as_ptr().addr();
        if let Some(known) = self.reads.read().get(&address) {
            return known.clone();
        }
        let new = ::metrics::histogram!(DURATION, "operation" => signature(sql));
        self.reads.write().entry(address).or_insert(new).clone()
    }

    /// A span with the names of statements and without their parameters.
    fn span(&self, name: &'static str, more: impl FnOnce(&mut Vec<KeyValue>)) -> Option<SdkSpan> {
        traces::child(self.tracer.as_ref(), name, SpanKind::Client, || {
            let system = match self.inner.dialect() {
                Dialect::Sqlite => "sqlite",
                Dialect::Postgres => "postgresql",
                Dialect::MySql => "mysql",
            };
            let mut attributes =
                vec![KeyValue::new("db.system.name", system), KeyValue::new("db.operation.name", name)];
            more(&mut attributes);
            attributes
        })
    }
}

/// The names of a batch's statements in their order; consecutive equal names are listed once.
fn summary(batch: &[Statement]) -> String {
    let mut text = String::new();
    let mut last = "";
    for name in batch.iter().map(|statement| signature(statement.sql)) {
        if name == last {
            continue;
        }
        if text.len() + name.len() >= SUMMARY {
            break;
        }
        text.extend([if text.is_empty() { "" } else { " " }, name]);
        last = name;
    }
    text
}

/// The name in a statement's first line, as in `-- sessions.presented`.
fn signature(sql: &'static str) -> &'static str {
    sql.lines().next().and_then(|line| line.strip_prefix("-- ")).unwrap_or("unsigned")
}

#[async_trait]
impl Driver for ObservedDriver {
    async fn read(&self, query: Query) -> Result<Vec<Row>, DriverError> {
        let (duration, begun) = (self.duration_of(query.sql), Instant::now());
        let name = signature(query.sql);
        let span = self.span(name, |attributes| attributes.push(KeyValue::new("db.query.summary", name)));
        let rows = traces::within(span, self.inner.read(query), |error| match error {
            DriverError::Unavailable(_) => "unavailable",
            DriverError::Nul | DriverError::Fault(_) => "fault",
        });
        let rows = rows.await;
        duration.record(begun.elapsed());
        rows
    }

    async fn apply(&self, batch: Vec<Statement>) -> Result<(), ApplyError> {
        let begun = Instant::now();
        let span = self.span("commit", |attributes| {
            let count = i64::try_from(batch.len()).unwrap_or(i64::MAX);
            attributes.push(KeyValue::new("db.operation.batch.size", count));
            attributes.push(KeyValue::new("db.query.summary", summary(&batch)));
        });
        let outcome = traces::within(span, self.inner.apply(batch), |error| match error {
            ApplyError::Guard(_) => "guard",
            ApplyError::Unique(_) => "unique",
            ApplyError::Unavailable(_) => "unavailable",
            ApplyError::Nul | ApplyError::Fault(_) => "fault",
        });
        let outcome = outcome.await;
        self.commits.record(begun.elapsed());
        outcome
    }

    async fn snapshot(&self, questions: Vec<Query>, take: &mut TakeRows<'_>) -> Result<(), DriverError> {
        self.inner.snapshot(questions, take).await
    }

    async fn lock(&self) -> Result<Box<dyn MigrationLock>, DriverError> {
        self.inner.lock().await
    }

    async fn ping(&self) -> Result<(), DriverError> {
        self.inner.ping().await
    }

    async fn writable(&self) -> Result<(), DriverError> {
        self.inner.writable().await
    }

    async fn maintain(&self) -> Result<(), DriverError> {
        self.inner.maintain().await
    }

    fn connections(&self) -> Option<ConnectionUse> {
        self.inner.connections()
    }

    fn dialect(&self) -> Dialect {
        self.inner.dialect()
    }
}
