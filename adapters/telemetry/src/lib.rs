//! Structured logs on standard error, the audit log, metrics, traces, and profiles.

mod audit_log;
mod audited;
mod batched_writer;
mod counted;
mod fields;
mod level;
mod lines;
mod logins;
mod metrics;
mod observed;
mod profiles;
mod traced;
mod traces;

use std::{
    io::{self, IsTerminal, Write},
    sync::Arc,
};

use kayan_ports::{Clock, LogControl, LogLevel};
use tracing::{Subscriber, subscriber};
use tracing_log::{LogTracer, log};
use tracing_subscriber::{Layer, layer::SubscriberExt as _, registry, registry::LookupSpan};

use crate::{batched_writer::BatchedWriter, level::Threshold, lines::Lines};

pub use audit_log::{AuditLog, Destination};
pub use audited::Audited;
pub use counted::{CountedAttempts, CountedLimiter};
pub use logins::CountedLogins;
pub use metrics::{Metrics, MetricsError};
pub use observed::ObservedDriver;
pub use profiles::Profiles;
pub use traced::{TracedHasher, TracedRedis};
pub use traces::{Sampling, TraceSettings, Traces, TracesError, tracer};

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people; in colour if standard error is a terminal.
    Text,
    /// For machines: one JSON object, with the event's fields beside `timestamp` (RFC 3339, UTC), `level`, `target` and
    /// `message`.
    Json,
}

/// What is logged, and in which form.
#[derive(Debug, Clone, Copy)]
pub struct LogSettings {
    /// The lowest level of Kayan's own events that are logged. Events of its dependencies are logged from `WARN` up.
    pub level: LogLevel,
    /// The form.
    pub format: Format,
    /// Whether the lines of a request have its `trace_id`.
    pub traced: bool,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// This process has initialised it before.
    #[error("logging is already initialised in this process; initialise it once, at start")]
    AlreadyInitialised,
    /// The system refuses to start a thread.
    #[error("the thread that writes the log can't be started: {0}")]
    NoThread(#[from] io::Error),
}

/// Writes this process's events to standard error, one line each.
///
/// Spans are kept for layers that take them; a further layer, such as tokio-console's, is one more `with` in here.
///
/// # Errors
/// `AlreadyInitialised` at the second call; `NoThread`.
pub fn init(settings: LogSettings, clock: Arc<dyn Clock>) -> Result<Logs, InitError> {
    // As no-color.org asks for.
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty());
    let (layer, logs) = layer(settings, colour, clock, Box::new(io::stderr()))?;
    subscriber::set_global_default(registry().with(layer)).map_err(|_| InitError::AlreadyInitialised)?;
    LogTracer::init_with_filter(log::LevelFilter::Warn).map_err(|_| InitError::AlreadyInitialised)?;
    Ok(logs)
}

/// The layer that writes events to `to`, and its handle.
fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(
    settings: LogSettings,
    colour: bool,
    clock: Arc<dyn Clock>,
    to: Box<dyn Write + Send>,
) -> io::Result<(impl Layer<S>, Logs)> {
    let LogSettings { level, format, traced } = settings;
    let logs = Logs { threshold: Threshold::new(level), writer: BatchedWriter::start(to)? };
    let lines = Lines { logs: logs.clone(), format, traced, colour, clock };
    Ok((lines.with_filter(logs.threshold.clone()), logs))
}

/// The log of this process.
#[derive(Clone)]
pub struct Logs {
    threshold: Threshold,
    writer: Arc<BatchedWriter>,
}

impl Logs {
    /// Writes all lines that wait to be written: before the process ends, or prints something itself.
    pub fn flush(&self) {
        self.writer.flush();
    }
}

impl LogControl for Logs {
    fn level(&self) -> LogLevel {
        self.threshold.level()
    }

    fn set(&self, level: LogLevel) {
        self.threshold.set(level);
    }
}

#[cfg(test)]
mod tests {
    use kayan_fakes::ManualClock;

    use super::*;

    #[test]
    fn a_second_initialisation_is_an_error() {
        let settings = LogSettings { level: LogLevel::Error, format: Format::Text, traced: false };
        let clock = Arc::new(ManualClock::default());
        assert!(init(settings, clock.clone()).is_ok());
        assert!(matches!(init(settings, clock), Err(InitError::AlreadyInitialised)));
    }
}
