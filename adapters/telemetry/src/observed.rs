//! A database driver whose statements are timed, and spans of the requests that ask them.

use std::{collections::HashMap, sync::Arc, time::Instant};

use ::metrics::Histogram;
use async_trait::async_trait;
use kayan_sql::{
    ApplyError, ConnectionUse, Dialect, Driver, DriverError, MigrationLock, Query, Row, Statement, TakeRows,
};
use opentelemetry::{
    KeyValue,
    trace::{Span as _, SpanKind, Status},
};
use opentelemetry_sdk::trace::{SdkTracer, Span as SdkSpan};
use parking_lot::RwLock;

use crate::traces;

const DURATION: &str = "kayan_db_query_duration_seconds";

/// The driver behind, and how long it takes.
pub struct ObservedDriver {
    inner: Arc<dyn Driver>,
    /// By where the statement stands in the program: they are all written there.
    questions: RwLock<HashMap<usize, Histogram>>,
    commits: Histogram,
    tracer: Option<SdkTracer>,
}

/// So many bytes of a commit's summary are told at most, as OpenTelemetry has it.
const SUMMARY: usize = 255;

impl ObservedDriver {
    /// Times what `inner` is asked; and traces it, if this process keeps traces.
    pub fn new(inner: Arc<dyn Driver>) -> Self {
        let commits = ::metrics::histogram!(DURATION, "operation" => "commit");
        Self { inner, questions: RwLock::default(), commits, tracer: traces::tracer() }
    }

    fn question(&self, sql: &'static str) -> Histogram {
        let place = sql.as_ptr().addr();
        if let Some(known) = self.questions.read().get(&place) {
            return known.clone();
        }
        let new = ::metrics::histogram!(DURATION, "operation" => signature(sql));
        self.questions.write().entry(place).or_insert(new).clone()
    }

    /// A span that names statements, and has none of their parameters.
    fn span(&self, name: &'static str, more: impl FnOnce(&mut Vec<KeyValue>)) -> Option<SdkSpan> {
        traces::below(self.tracer.as_ref(), name, SpanKind::Client, || {
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

/// Ends a span; what the database said of an error may quote values, so that only its kind is told.
fn end(span: Option<SdkSpan>, failure: Option<&'static str>) {
    let Some(mut span) = span else { return };
    if let Some(kind) = failure {
        span.set_attribute(KeyValue::new("error.type", kind));
        span.set_status(Status::error(""));
    }
    span.end();
}

/// The names of a batch's statements, in their order, each once where it stands several times in a row.
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

/// What a statement is signed with, as in `-- sessions.presented`.
fn signature(sql: &'static str) -> &'static str {
    sql.lines().next().and_then(|line| line.strip_prefix("-- ")).unwrap_or("unsigned")
}

#[async_trait]
impl Driver for ObservedDriver {
    async fn read(&self, query: Query) -> Result<Vec<Row>, DriverError> {
        let (duration, begun) = (self.question(query.sql), Instant::now());
        let name = signature(query.sql);
        let span = self.span(name, |attributes| attributes.push(KeyValue::new("db.query.summary", name)));
        let answer = self.inner.read(query).await;
        duration.record(begun.elapsed());
        end(
            span,
            answer.as_ref().err().map(|error| match error {
                DriverError::Unavailable(_) => "unavailable",
                DriverError::Nul | DriverError::Fault(_) => "fault",
            }),
        );
        answer
    }

    async fn apply(&self, batch: Vec<Statement>) -> Result<(), ApplyError> {
        let begun = Instant::now();
        let span = self.span("commit", |attributes| {
            let count = i64::try_from(batch.len()).unwrap_or(i64::MAX);
            attributes.push(KeyValue::new("db.operation.batch.size", count));
            attributes.push(KeyValue::new("db.query.summary", summary(&batch)));
        });
        let outcome = self.inner.apply(batch).await;
        self.commits.record(begun.elapsed());
        end(
            span,
            outcome.as_ref().err().map(|error| match error {
                ApplyError::Guard(_) => "guard",
                ApplyError::Unique(_) => "unique",
                ApplyError::Unavailable(_) => "unavailable",
                ApplyError::Nul | ApplyError::Fault(_) => "fault",
            }),
        );
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
