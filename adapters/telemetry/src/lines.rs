//! The layer that writes each event as a line of the log.
//!
//! Every request has a line, so this is a hot path: each thread builds its lines in one buffer.

use std::{cell::Cell, io::Write as _, sync::Arc};

use kayan_ports::{Clock, timestamp};
use opentelemetry::{
    Context,
    trace::{TraceContextExt as _, TraceId},
};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::{Layer, layer};

use crate::{
    Format, Logs,
    fields::{Fields, push, quote},
};

thread_local! {
    /// The buffer of the thread's last line.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Turns events into lines. A line has the fields of its event; those of the spans around it are for other layers.
pub(crate) struct Lines {
    pub(crate) logs: Logs,
    pub(crate) format: Format,
    pub(crate) traced: bool,
    pub(crate) colour: bool,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Lines {
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
        line.extend_from_slice(&timestamp::ascii(self.clock.now()));
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
        line.extend_from_slice(&timestamp::ascii(self.clock.now()));
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

    /// The trace of the present request.
    fn trace(&self) -> Option<TraceId> {
        let id = self.traced.then(|| Context::map_current(|present| present.span().span_context().trace_id()));
        id.filter(|id| *id != TraceId::INVALID)
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: layer::Context<'_, S>) {
        // Records of the `log` crate have their own target among their fields.
        let normalized = if event.metadata().target() == "log" { event.normalized_metadata() } else { None };
        let metadata = normalized.as_ref().unwrap_or_else(|| event.metadata());
        if !self.logs.threshold.admits(metadata) {
            return;
        }
        // A value that logs while it is formatted gets an empty buffer; so does an event while the thread ends.
        let mut line = BUFFER.try_with(Cell::take).unwrap_or_default();
        line.clear();
        match self.format {
            Format::Text => self.text(&mut line, metadata, event),
            Format::Json => self.json(&mut line, metadata, event),
        }
        self.logs.writer.add(&line, *metadata.level() <= Level::WARN);
        let _ = BUFFER.try_with(|buffer| buffer.set(line));
    }
}

#[cfg(test)]
mod tests;
