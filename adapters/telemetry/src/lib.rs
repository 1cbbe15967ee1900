//! Structured logs on standard error, the audit log, metrics, traces, and profiles.

mod audit_log;
mod audited;
mod counted;
mod fields;
mod gathered;
mod lines;
mod metrics;
mod observed;
mod profiles;
mod traced;
mod traces;

use std::{
    io::{self, IsTerminal},
    sync::Arc,
};

use kayan_ports::{Clock, LogControl, LogLevel};
use tracing::{callsite, subscriber};
use tracing_log::{LogTracer, log};

use crate::{gathered::Gathered, lines::Lines};

pub use audit_log::{AuditLog, Destination};
pub use audited::Audited;
pub use counted::{CountedAttempts, CountedLimiter};
pub use metrics::{Metrics, MetricsError};
pub use observed::ObservedDriver;
pub use profiles::Profiles;
pub use traced::{TracedHasher, TracedRedis};
pub use traces::{Sampling, TraceSettings, Traces, TracesError, tracer};

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people; in colour when standard error is a terminal.
    Text,
    /// For machines: one JSON object, with the event's fields beside `timestamp` (RFC 3339, UTC), `level`, `target` and
    /// `message`.
    Json,
}

/// What is logged, and how.
#[derive(Debug, Clone, Copy)]
pub struct LogSettings {
    /// The least level of Kayan's own events. Those of its dependencies are logged from `WARN` up.
    pub level: LogLevel,
    /// The form.
    pub format: Format,
    /// Whether lines name their trace.
    pub traced: bool,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// Something in this process has set it up before.
    #[error("logging is already initialised in this process; initialise it once, at start")]
    AlreadyInitialised,
    /// The system gives no thread.
    #[error("the thread that writes the log can't be started: {0}")]
    NoThread(#[from] io::Error),
}

/// Sends this process's events to standard error, each in a line of its own.
///
/// # Errors
/// `AlreadyInitialised` at the second call; `NoThread`.
pub fn init(settings: LogSettings, clock: Arc<dyn Clock>) -> Result<Logs, InitError> {
    // What no-color.org asks for.
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty());
    let lines = Arc::new(Lines::new(settings, colour, clock, Gathered::begin(Box::new(io::stderr()))?));
    subscriber::set_global_default(lines.clone()).map_err(|_| InitError::AlreadyInitialised)?;
    LogTracer::init_with_filter(log::LevelFilter::Warn).map_err(|_| InitError::AlreadyInitialised)?;
    Ok(Logs(lines))
}

/// The log of this process.
#[derive(Clone)]
pub struct Logs(Arc<Lines>);

impl Logs {
    /// Writes what is logged already and not written yet: before the process ends, or tells something beside the log.
    pub fn flush(&self) {
        self.0.gathered.write();
    }
}

impl LogControl for Logs {
    fn level(&self) -> LogLevel {
        self.0.level()
    }

    fn set(&self, level: LogLevel) {
        self.0.set_level(level);
        callsite::rebuild_interest_cache();
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
