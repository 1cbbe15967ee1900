//! Writes audit events as text: JSON, NDJSON or CSV.

mod cell;

use std::borrow::Cow;

use csv::{QuoteStyle, Terminator, WriterBuilder};
use kayan_ports::{AuditEvent, terminal, timestamp};
use serde::Serialize;

use crate::Failure;

/// The format of exported events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// One JSON array.
    Json,
    /// A JSON object in each line.
    Ndjson,
    /// RFC 4180, with a header; JSON values are in their cells as JSON.
    Csv,
}

impl ExportFormat {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Json, Self::Csv, Self::Ndjson];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        }
    }

    /// The format of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }
}

const HEADER: [&str; 17] = [
    "id",
    "type",
    "tenant_id",
    "actor",
    "subject",
    "status",
    "message",
    "metadata",
    "ip_address",
    "user_agent",
    "session_id",
    "resource",
    "old_value",
    "new_value",
    "risk_score",
    "request_id",
    "created_at",
];

/// Writes events page by page; the text is complete after `end`.
#[derive(Debug)]
pub struct EventWriter {
    format: ExportFormat,
    begun: bool,
}

impl EventWriter {
    /// A writer that has written nothing yet.
    pub fn new(format: ExportFormat) -> Self {
        Self { format, begun: false }
    }

    /// Appends events.
    pub fn write(&mut self, events: &[AuditEvent], into: &mut Vec<u8>) -> Result<(), Failure> {
        match self.format {
            ExportFormat::Csv => self.write_cells(events, into),
            ExportFormat::Json => events.iter().try_for_each(|event| {
                into.extend_from_slice(if self.begun { b",\n" } else { b"[\n" });
                self.begun = true;
                append(event, into)
            }),
            ExportFormat::Ndjson => events.iter().try_for_each(|event| {
                append(event, into)?;
                into.push(b'\n');
                Ok(())
            }),
        }
    }

    /// Appends the end of the format.
    pub fn end(&mut self, into: &mut Vec<u8>) -> Result<(), Failure> {
        match self.format {
            ExportFormat::Csv => self.write_cells(&[], into),
            ExportFormat::Json => {
                into.extend_from_slice(if self.begun { b"\n]\n" } else { b"[]\n" });
                Ok(())
            }
            ExportFormat::Ndjson => Ok(()),
        }
    }

    fn write_cells(&mut self, events: &[AuditEvent], into: &mut Vec<u8>) -> Result<(), Failure> {
        let mut builder = WriterBuilder::new();
        builder.terminator(Terminator::CRLF).quote_style(QuoteStyle::Necessary);
        let mut lines = builder.from_writer(into);
        if !std::mem::replace(&mut self.begun, true) {
            lines.write_record(HEADER).map_err(failed)?;
        }
        for event in events {
            lines.write_record(cells(event)?.iter().map(|cell| cell.as_bytes())).map_err(failed)?;
        }
        lines.flush().map_err(failed)
    }
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::Fault(format!("an event can't be written as text: {error}"))
}

fn append(event: &AuditEvent, into: &mut Vec<u8>) -> Result<(), Failure> {
    terminal::write_json(into, event).map_err(failed)
}

fn cells(event: &AuditEvent) -> Result<[Cow<'_, str>; HEADER.len()], Failure> {
    fn json<'a>(value: Option<&impl Serialize>) -> Result<Cow<'a, str>, Failure> {
        value.map_or(Ok(Cow::Borrowed("")), |value| cell::json(value).map(Cow::Owned).map_err(failed))
    }
    fn text(maybe: Option<&String>) -> Cow<'_, str> {
        cell::text(maybe.map_or("", String::as_str))
    }
    Ok([
        event.id.to_string().into(),
        event.kind.as_str().into(),
        event.tenant.as_str().into(),
        text(event.actor.as_ref()),
        text(event.subject.as_ref()),
        event.outcome.as_str().into(),
        cell::text(&event.message),
        json(Some(&event.metadata))?,
        text(event.client.ip.as_ref()),
        text(event.client.user_agent.as_ref()),
        event.session.map(|session| session.to_string()).unwrap_or_default().into(),
        text(event.resource.as_ref()),
        json(event.old_value.as_ref())?,
        json(event.new_value.as_ref())?,
        event.risk.to_string().into(),
        text(event.request_id.as_ref()),
        timestamp::text(event.created_at).into(),
    ])
}

#[cfg(test)]
mod tests;
