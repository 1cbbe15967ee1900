//! Structured logs on standard error, the audit log, metrics, traces, and profiles.

mod audit_log;
mod audited;
mod counted;
mod metrics;
mod observed;
mod profiles;
mod traced;
mod traced_lines;
mod traces;

use std::io::{self, IsTerminal};

use kayan_ports::{LogControl, LogLevel};
use parking_lot::Mutex;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::DefaultFields;
use tracing_subscriber::layer::{Layered, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use crate::traced_lines::Traced;

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
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InitError {
    /// Something in this process has set it up before.
    #[error("logging is already initialised in this process; initialise it once, at start")]
    AlreadyInitialised,
}

/// Sends this process's events to standard error, each line in one write.
///
/// # Errors
/// `AlreadyInitialised` at the second call.
pub fn init(settings: LogSettings) -> Result<Logs, InitError> {
    let layer = lines(settings, io::stderr().is_terminal(), io::stderr);
    let (subscriber, logs) = subscriber(settings.level, layer);
    subscriber.try_init().map_err(|_| InitError::AlreadyInitialised)?;
    Ok(logs)
}

/// How much this process logs.
pub struct Logs {
    filter: reload::Handle<Targets, Layered<Lines, Registry>>,
    level: Mutex<LogLevel>,
}

impl LogControl for Logs {
    fn level(&self) -> LogLevel {
        *self.level.lock()
    }

    fn set(&self, level: LogLevel) {
        let mut present = self.level.lock();
        // Only a subscriber that is gone can't be told, and then nobody logs.
        if self.filter.reload(targets(as_tracing(level))).is_ok() {
            *present = level;
        }
    }
}

fn as_tracing(level: LogLevel) -> Level {
    match level {
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Info => Level::INFO,
        LogLevel::Warn => Level::WARN,
        LogLevel::Error => Level::ERROR,
    }
}

type Lines = Box<dyn Layer<Registry> + Send + Sync>;

fn lines<W>(settings: LogSettings, terminal: bool, writer: W) -> Lines
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = fmt::layer().with_writer(writer);
    // on a terminal the library decides, which respects NO_COLOR
    let layer = if terminal { layer } else { layer.with_ansi(false) };
    let json = |layer: fmt::Layer<_, _, _, _>| {
        layer.json().flatten_event(true).with_current_span(false).with_span_list(false).with_ansi(false)
    };
    match (settings.format, settings.traced) {
        (Format::Text, false) => layer.compact().boxed(),
        (Format::Text, true) => layer.compact().fmt_fields(Traced(DefaultFields::new())).boxed(),
        (Format::Json, false) => json(layer).boxed(),
        (Format::Json, true) => json(layer).map_event_format(Traced).boxed(),
    }
}

/// One filter for the whole process: an event that is not wanted costs one look at its call site's cached verdict.
fn subscriber(level: LogLevel, lines: Lines) -> (impl Subscriber + Send + Sync, Logs) {
    let (filter, handle) = reload::Layer::new(targets(as_tracing(level)));
    (tracing_subscriber::registry().with(lines).with(filter), Logs { filter: handle, level: Mutex::new(level) })
}

fn targets(level: Level) -> Targets {
    let own = LevelFilter::from_level(level);
    let others = own.min(LevelFilter::WARN);
    Targets::new().with_default(others).with_target("kayan", own)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use LogLevel::{Debug, Error, Info, Warn};

    use tracing::{debug, error, info, info_span, warn};

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines that are logged while something runs.
    fn logged(level: LogLevel, format: Format, run: impl FnOnce()) -> Vec<String> {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let settings = LogSettings { level, format, traced: false };
        let layer = lines(settings, false, move || writer.clone());
        tracing::subscriber::with_default(subscriber(level, layer).0, run);
        let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn json_is_one_object_per_line_with_flat_fields() {
        let lines = logged(Info, Format::Json, || {
            let _span = info_span!("request").entered();
            info!(target: "kayan_http", status = 200, path = "/a\nb", "request.done");
            warn!(target: "kayan", "second");
        });
        assert_eq!(lines.len(), 2);
        let line: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&lines[0]).unwrap();
        let mut names: Vec<&str> = line.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["level", "message", "path", "status", "target", "timestamp"]);
        assert_eq!((&line["level"], &line["target"]), (&"INFO".into(), &"kayan_http".into()));
        assert_eq!((&line["message"], &line["status"]), (&"request.done".into(), &200.into()));
        let time = line["timestamp"].as_str().unwrap();
        assert!(time.ends_with('Z') && time.as_bytes()[10] == b'T', "{time}");
    }

    #[test]
    fn text_is_one_plain_line_with_the_fields() {
        let lines = logged(Info, Format::Text, || info!(target: "kayan", port = 8080, "listening"));
        assert_eq!(lines.len(), 1);
        assert!(lines[0].contains(" INFO kayan: listening port=8080"), "{}", lines[0]);
        assert!(!lines[0].contains('\u{1b}'));
    }

    #[test]
    fn what_clients_send_cannot_begin_a_line_or_colour_it() {
        let sent = "x\nERROR forged\u{1b}[2J";
        for format in [Format::Text, Format::Json] {
            let lines = logged(Info, format, || info!(target: "kayan", agent = sent, "seen"));
            assert_eq!(lines.len(), 1, "{lines:?}");
            assert!(!lines[0].contains('\u{1b}'));
        }
    }

    #[test]
    fn kayans_crates_log_from_the_level_up_and_dependencies_from_warn() {
        let all = || {
            debug!(target: "kayan_sql::reads", "own debug");
            info!(target: "kayan", "own info");
            error!(target: "kayan_http", "own error");
            info!(target: "hyper", "other info");
            warn!(target: "hyper", "other warn");
            error!(target: "hyper", "other error");
        };
        for (level, count) in [(Debug, 5), (Info, 4), (Warn, 3), (Error, 2)] {
            assert_eq!(logged(level, Format::Text, all).len(), count, "{level:?}");
        }
    }

    #[test]
    fn the_level_can_be_set_while_it_runs() {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let settings = LogSettings { level: Info, format: Format::Text, traced: false };
        let (subscriber, logs) = subscriber(Info, lines(settings, false, move || writer.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let tell = |number: u32| {
                debug!(target: "kayan", number, "debug");
                error!(target: "kayan", number, "error");
            };
            for (number, level) in (1..).zip([Info, Debug, Error]) {
                logs.set(level);
                assert_eq!(logs.level(), level);
                tell(number);
            }
        });
        let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        let told: Vec<_> = text.lines().filter_map(|line| line.split_once(": ")).map(|(_, told)| told).collect();
        assert_eq!(told, ["error number=1", "debug number=2", "error number=2", "error number=3"]);
    }

    #[test]
    fn a_second_initialisation_is_an_error() {
        let settings = LogSettings { level: Error, format: Format::Text, traced: false };
        assert!(init(settings).is_ok());
        assert_eq!(init(settings).err(), Some(InitError::AlreadyInitialised));
    }
}
