//! What the lines of a log look like, which events have one, and that other layers miss nothing.

use std::io;

use LogLevel::{Debug, Error, Info, Warn};
use kayan_fakes::ManualClock;
use kayan_ports::{LogControl as _, LogLevel};
use parking_lot::Mutex;
use tracing::{
    debug, dispatcher, error, info, info_span, instrument, level_filters::LevelFilter, span, subscriber::with_default,
    warn,
};
use tracing_log::{AsTrace as _, log};
use tracing_subscriber::{
    layer::{Context as Scope, SubscriberExt as _},
    registry,
    registry::LookupSpan,
};

use super::*;
use crate::LogSettings;

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

/// The layer and its handle; lines go to the buffer.
fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(
    level: LogLevel,
    format: Format,
    buffer: &Buffer,
) -> (impl Layer<S>, Logs) {
    let settings = LogSettings { level, format, traced: false };
    let clock = ManualClock::new(time::macros::datetime!(2026-01-02 03:04:05.000678 UTC));
    crate::layer(settings, false, Arc::new(clock), Box::new(buffer.clone())).unwrap()
}

/// The lines that are logged while something runs.
fn logged(level: LogLevel, format: Format, run: impl FnOnce(&Logs)) -> Vec<String> {
    logged_in(registry(), level, format, run)
}

/// The same, with further layers in the registry.
fn logged_in<S>(registry: S, level: LogLevel, format: Format, run: impl FnOnce(&Logs)) -> Vec<String>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let buffer = Buffer::default();
    let (lines, logs) = layer(level, format, &buffer);
    with_default(registry.with(lines), || run(&logs));
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
            let mut record = log::Record::builder();
            let record = record.level(level).target(target).file(Some("a.rs")).line(Some(7)).args(args);
            tracing_log::format_trace(&record.build()).unwrap();
        };
        record(log::Level::Warn, "rustls::conn");
        record(log::Level::Info, "rustls::conn");
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

/// Records each span and each event with its fields; an event with those of the spans around it.
#[derive(Clone, Default)]
struct Recorder {
    records: Arc<Mutex<Vec<String>>>,
    callsites: Arc<Mutex<Vec<&'static Metadata<'static>>>>,
}

impl Recorder {
    fn add(&self, metadata: &'static Metadata<'static>, record: String) {
        self.callsites.lock().push(metadata);
        self.records.lock().push(record);
    }
}

/// Fields as they are in a line of text.
fn fields(record: impl FnOnce(&mut Fields<'_>)) -> String {
    let mut line = Vec::new();
    record(&mut Fields { line: &mut line, format: Format::Text });
    String::from_utf8(line).unwrap()
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_new_span(&self, span: &span::Attributes<'_>, id: &span::Id, context: Scope<'_, S>) {
        let record = format!("{}{}", span.metadata().name(), fields(|fields| span.record(fields)));
        context.span(id).unwrap().extensions_mut().insert(record.clone());
        self.add(span.metadata(), record);
    }

    fn on_event(&self, event: &Event<'_>, context: Scope<'_, S>) {
        let mut record = fields(|fields| event.record(fields));
        for span in context.event_scope(event).into_iter().flatten() {
            record = format!("{record} in {}", span.extensions().get::<String>().unwrap());
        }
        self.add(event.metadata(), record);
    }
}

#[test]
fn another_layer_sees_all_spans_and_events_with_or_without_a_line() {
    #[instrument(target = "kayan", level = "debug")]
    fn look_up(number: u32) {
        debug!(target: "kayan", found = true, "looked up");
    }
    let recorder = Recorder::default();
    let lines = logged_in(registry().with(recorder.clone()), Warn, Format::Text, |_| {
        let _span = info_span!(target: "kayan", "request", tenant = "default").entered();
        look_up(7);
        warn!(target: "kayan", "own warn");
    });
    assert_eq!(lines, ["2026-01-02T03:04:05.000678Z  WARN kayan: own warn"]);
    let records = [
        "request tenant=default",
        "look_up number=7",
        " looked up found=true in look_up number=7 in request tenant=default",
        " own warn in request tenant=default",
    ];
    assert_eq!(*recorder.records.lock(), records);
}

#[test]
fn what_has_no_line_is_off_where_it_stands_unless_another_layer_takes_it() {
    let recorder = Recorder::default();
    with_default(registry().with(recorder.clone()), || {
        let _span = info_span!(target: "kayan", "request").entered();
        debug!(target: "kayan", "own debug");
        info!(target: "hyper", "other info");
    });
    let callsites = recorder.callsites.lock().clone();
    assert_eq!(callsites.len(), 3);
    let alone = registry().with(layer(Info, Format::Text, &Buffer::default()).0);
    assert_eq!(alone.max_level_hint(), Some(LevelFilter::INFO));
    let beside = registry().with(recorder).with(layer(Info, Format::Text, &Buffer::default()).0);
    assert_eq!(beside.max_level_hint(), None);
    for callsite in callsites {
        assert!(alone.register_callsite(callsite).is_never(), "{callsite:?}");
        assert!(!beside.register_callsite(callsite).is_never(), "{callsite:?}");
    }
}

#[test]
fn asking_whether_a_level_is_on_costs_the_next_event_no_line() {
    let lines = logged(Info, Format::Text, |_| {
        let asked = log::Metadata::builder().level(log::Level::Debug).target("kayan").build();
        dispatcher::get_default(|dispatch| dispatch.enabled(&asked.as_trace()));
        info!(target: "kayan", "next");
    });
    assert_eq!(lines, ["2026-01-02T03:04:05.000678Z  INFO kayan: next"]);
}
