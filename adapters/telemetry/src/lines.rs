//! Log lines: which events have one, and its form.
//!
//! Every request has a line, so this is on the hot paths: a line is put together in a buffer that is used again.

use std::{
    cell::Cell,
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use kayan_ports::{Clock, LogLevel};
use opentelemetry::{
    Context,
    trace::{TraceContextExt as _, TraceId},
};
use tracing::{Event, Level, Metadata, Subscriber, level_filters::LevelFilter, span, subscriber::Interest};
use tracing_log::NormalizeEvent as _;

use crate::{
    Format, LogSettings,
    fields::{Fields, push, quote, time},
    gathered::Gathered,
};

thread_local! {
    /// What the last line was put together in.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Turns events into lines.
pub(crate) struct Lines {
    level: AtomicU8,
    pub(crate) gathered: Arc<Gathered>,
    format: Format,
    traced: bool,
    colour: bool,
    clock: Arc<dyn Clock>,
}

impl Lines {
    pub(crate) fn new(settings: LogSettings, colour: bool, clock: Arc<dyn Clock>, gathered: Arc<Gathered>) -> Self {
        let LogSettings { level, format, traced } = settings;
        Self { level: AtomicU8::new(level as u8), gathered, format, traced, colour, clock }
    }

    pub(crate) fn level(&self) -> LogLevel {
        let level = self.level.load(Ordering::Relaxed);
        let levels = [LogLevel::Debug, LogLevel::Info, LogLevel::Warn, LogLevel::Error];
        levels.into_iter().find(|known| *known as u8 == level).unwrap_or(LogLevel::Info)
    }

    pub(crate) fn set_level(&self, level: LogLevel) {
        self.level.store(level as u8, Ordering::Relaxed);
    }

    /// The least level that has lines. Of dependencies only what somebody should look at has any.
    fn least(&self, target: &str) -> LevelFilter {
        let own = LevelFilter::from_level(match self.level() {
            LogLevel::Debug => Level::DEBUG,
            LogLevel::Info => Level::INFO,
            LogLevel::Warn => Level::WARN,
            LogLevel::Error => Level::ERROR,
        });
        if target.starts_with("kayan") { own } else { own.min(LevelFilter::WARN) }
    }

    fn text(&self, line: &mut Vec<u8>, metadata: &Metadata<'_>, event: &Event<'_>) {
        let (dim, plain) = if self.colour { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
        let level = match *metadata.level() {
            Level::ERROR => ("\x1b[31m", "ERROR"),
            Level::WARN => ("\x1b[33m", " WARN"),
            Level::INFO => ("\x1b[32m", " INFO"),
            Level::DEBUG => ("\x1b[34m", "DEBUG"),
            Level::TRACE => ("\x1b[35m", "TRACE"),
        };
        let hue = if self.colour { level.0 } else { "" };
        push(line, dim);
        time(line, self.clock.now());
        for part in [plain, " ", hue, level.1, plain, " ", dim, metadata.target(), ":", plain] {
            push(line, part);
        }
        event.record(&mut Fields { line, format: Format::Text });
        if let Some(trace) = self.trace() {
            let _ = write!(line, " trace_id={trace}");
        }
        line.push(b'\n');
    }

    fn json(&self, line: &mut Vec<u8>, metadata: &Metadata<'_>, event: &Event<'_>) {
        push(line, "{\"timestamp\":\"");
        time(line, self.clock.now());
        for part in ["\",\"level\":\"", metadata.level().as_str(), "\""] {
            push(line, part);
        }
        event.record(&mut Fields { line, format: Format::Json });
        push(line, ",\"target\":");
        quote(line, metadata.target());
        if let Some(trace) = self.trace() {
            let _ = write!(line, ",\"trace_id\":\"{trace}\"");
        }
        push(line, "}\n");
    }

    /// The trace that the event belongs to.
    fn trace(&self) -> Option<TraceId> {
        let id = self.traced.then(|| Context::map_current(|present| present.span().span_context().trace_id()));
        id.filter(|id| *id != TraceId::INVALID)
    }
}

impl Subscriber for Lines {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        !metadata.is_span() && *metadata.level() <= self.least(metadata.target())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.least("kayan"))
    }

    fn event(&self, event: &Event<'_>) {
        // Records of `log`'s have a target of their own among their fields.
        let normalized = if event.metadata().target() == "log" { event.normalized_metadata() } else { None };
        let metadata = normalized.as_ref().unwrap_or_else(|| event.metadata());
        // A value that logs while it is written down finds an empty buffer, and the thread's end none at all.
        let mut line = BUFFER.try_with(Cell::take).unwrap_or_default();
        line.clear();
        match self.format {
            Format::Text => self.text(&mut line, metadata, event),
            Format::Json => self.json(&mut line, metadata, event),
        }
        self.gathered.add(&line, *metadata.level() <= Level::WARN);
        let _ = BUFFER.try_with(|buffer| buffer.set(line));
    }

    // There are no spans here: those of requests are traces'.
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[cfg(test)]
mod tests {
    use std::io;

    use LogLevel::{Debug, Error, Info, Warn};
    use kayan_fakes::ManualClock;
    use kayan_ports::LogControl as _;
    use parking_lot::Mutex;
    use tracing::{debug, error, info, info_span, warn};

    use super::*;
    use crate::Logs;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines that are logged while something runs.
    fn logged(level: LogLevel, format: Format, run: impl FnOnce(&Logs)) -> Vec<String> {
        let buffer = Buffer::default();
        let gathered = Gathered::begin(Box::new(buffer.clone())).unwrap();
        let settings = LogSettings { level, format, traced: false };
        let clock = ManualClock::new(time::macros::datetime!(2026-01-02 03:04:05.000678 UTC));
        let logs = Logs(Arc::new(Lines::new(settings, false, Arc::new(clock), gathered)));
        tracing::subscriber::with_default(logs.0.clone(), || run(&logs));
        logs.flush();
        let text = String::from_utf8(buffer.0.lock().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn json_is_one_object_per_line_with_flat_fields() {
        let lines = logged(Info, Format::Json, |_| {
            let _span = info_span!("request").entered();
            info!(target: "kayan_http", status = 200, ms = 1.0, none = f64::NAN, ok = true, path = "/a\nb", "it's done");
            warn!(target: "kayan", error = %"no \"b\"", "second");
        });
        let first = r#"{"timestamp":"2026-01-02T03:04:05.000678Z","level":"INFO","message":"it's done","status":200,"ms":1.0,"none":"NaN","ok":true,"path":"/a\nb","target":"kayan_http"}"#;
        let second = r#"{"timestamp":"2026-01-02T03:04:05.000678Z","level":"WARN","message":"second","error":"no \"b\"","target":"kayan"}"#;
        assert_eq!(lines, [first, second]);
        for line in lines {
            assert!(serde_json::from_str::<serde_json::Value>(&line).unwrap().is_object());
        }
    }

    #[test]
    fn text_is_one_plain_line_whose_values_are_words_or_quoted() {
        let lines = logged(Info, Format::Text, |_| {
            info!(target: "kayan", port = 8080, route = "/a/{id}", empty = "", words = "a b", error = %"a=b", "up now");
        });
        let line = "2026-01-02T03:04:05.000678Z  INFO kayan: up now port=8080 route=/a/{id} empty=\"\" words=\"a b\" error=\"a=b\"";
        assert_eq!(lines, [line]);
    }

    #[test]
    fn what_clients_send_cannot_begin_a_line_or_colour_it() {
        let colour = "x\nERROR forged\u{1b}[2J\u{9b}2J\u{7f}";
        let sideways = "x\u{202e}y\u{2066}z";
        for (format, sent) in [Format::Text, Format::Json].into_iter().flat_map(|it| [(it, colour), (it, sideways)]) {
            let lines = logged(Info, format, |_| info!(target: "kayan", agent = sent, shown = %sent, "seen {sent}"));
            assert_eq!(lines.len(), 1, "{lines:?}");
            assert!(!lines[0].contains(kayan_ports::terminal::obeys), "{:?}", lines[0]);
        }
    }

    #[test]
    fn kayans_crates_log_from_the_level_up_and_dependencies_from_warn() {
        let all = |_: &Logs| {
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
        let lines = logged(Info, Format::Text, |logs| {
            for (number, level) in (1..).zip([Info, Debug, Error]) {
                logs.set(level);
                assert_eq!(logs.level(), level);
                debug!(target: "kayan", number, "debug");
                error!(target: "kayan", number, "error");
            }
        });
        let told: Vec<_> = lines.iter().filter_map(|line| line.split_once(": ")).map(|(_, told)| told).collect();
        assert_eq!(told, ["error number=1", "debug number=2", "error number=2", "error number=3"]);
    }

    #[test]
    fn records_of_the_other_logging_library_are_lines_like_any() {
        let lines = logged(Info, Format::Text, |_| {
            let record = |level, target| {
                let args = format_args!("said so");
                let mut record = tracing_log::log::Record::builder();
                let record = record.level(level).target(target).file(Some("a.rs")).line(Some(7)).args(args);
                tracing_log::format_trace(&record.build()).unwrap();
            };
            record(tracing_log::log::Level::Warn, "rustls::conn");
            record(tracing_log::log::Level::Info, "rustls::conn");
        });
        assert_eq!(lines, ["2026-01-02T03:04:05.000678Z  WARN rustls::conn: said so"]);
    }

    #[test]
    fn a_value_that_logs_while_it_is_written_down_has_a_line_of_its_own() {
        struct Talks;
        impl std::fmt::Display for Talks {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                info!(target: "kayan", "inner");
                f.write_str("value")
            }
        }
        let lines = logged(Info, Format::Text, |_| info!(target: "kayan", talks = %Talks, "outer"));
        let told: Vec<_> = lines.iter().filter_map(|line| line.split_once(": ")).map(|(_, told)| told).collect();
        assert!(told.contains(&"outer talks=value"), "{told:?}");
    }
}
