//! The fields of a log line, and how their values are formatted.

use std::{
    fmt::{Debug, Write as _},
    io::Write as _,
};

use kayan_ports::terminal;
use serde::Serialize;
use tracing::field::{Field, Visit};

use crate::Format;

/// The field whose name is left out in text.
const MESSAGE: &str = "message";

/// Appends fields to a line: in JSON as members of its object, in text as `name=value`, quoted unless it is one word.
pub(crate) struct Fields<'l> {
    pub(crate) line: &'l mut Vec<u8>,
    pub(crate) format: Format,
}

impl Fields<'_> {
    /// Writes what comes before a value. `None` for the fields of a `log` record that the line already has.
    fn begin(&mut self, field: &Field) -> Option<&mut Vec<u8>> {
        let name = field.name();
        if name.starts_with("log.") {
            return None;
        }
        // Names are Rust identifiers, which need no escaping.
        let parts = match self.format {
            Format::Json => [",\"", name, "\":"],
            Format::Text if name == MESSAGE => [" ", "", ""],
            Format::Text => [" ", name, "="],
        };
        for part in parts {
            push(self.line, part);
        }
        Some(self.line)
    }

    /// Writes a number or a Boolean; `serde_json` formats them fastest.
    fn plain(&mut self, field: &Field, value: impl Serialize) {
        if let Some(line) = self.begin(field) {
            // Writing to a buffer can't fail.
            let _ = serde_json::to_writer(line, &value);
        }
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() { self.plain(field, value) } else { self.record_str(field, &value.to_string()) }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let format = self.format;
        let Some(line) = self.begin(field) else { return };
        // No early exit, so that the compiler can check several bytes at a time.
        let odd = |b: u8| !b.is_ascii_graphic() || matches!(b, b'"' | b'=');
        let is_word = || !value.is_empty() && !value.bytes().fold(false, |found, b| found | odd(b));
        let is_message = field.name() == MESSAGE;
        if format == Format::Json {
            quote(line, value);
        } else if is_word() || (is_message && !value.contains(terminal::obeys)) {
            push(line, value);
        } else if is_message {
            let _ = write!(line, "{}", value.escape_debug());
        } else {
            let _ = write!(line, "{value:?}");
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = String::with_capacity(64);
        // If formatting fails, the text before the failure is kept.
        let _ = write!(text, "{value:?}");
        self.record_str(field, &text);
    }
}

pub(crate) fn push(line: &mut Vec<u8>, text: &str) {
    line.extend_from_slice(text.as_bytes());
}

/// A string of JSON.
pub(crate) fn quote(line: &mut Vec<u8>, text: &str) {
    // Writing to a buffer can't fail.
    let _ = terminal::write_json(line, text);
}
