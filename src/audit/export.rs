//! Takes events of the audit trail out, as text, a piece at a time.

use std::sync::Arc;

use futures_util::future;
use kayan_ports::{AuditTrail, EventOrder, EventPage, EventQuery, EventType, Timestamp, timestamp};
use time::Duration;

use crate::{DeniedError, EventWriter, ExportFormat, Failure, Kayan, Operator, Permission};

/// So long after it happened an event is there to be read, however busy everything is: it is dated, then hashed for and
/// queued for, and then committed. An export misses no event from before that.
pub const SETTLES_WITHIN: Duration = Duration::seconds(30);
/// So many events are read at a time, and twice as many are in memory.
const PAGE: u32 = 2_000;

/// The wish for events as text.
#[derive(Debug, Clone)]
pub struct ExportEvents {
    /// Which: always within the operator's scope, and oldest first.
    pub query: EventQuery,
    /// How they are written.
    pub format: ExportFormat,
}

/// An export under way.
///
/// It holds what was committed before it began, each event once and in order, whatever is written meanwhile (I-35), and
/// nothing from after that. What happened in the last moments before it began may still have been on its way, and
/// [`Self::complete_until`] says from when on: an export that is to go on where this one ends begins there.
pub struct EventExport {
    trail: Arc<dyn AuditTrail>,
    query: EventQuery,
    writer: EventWriter,
    ahead: Ahead,
    count: u64,
    complete_until: Timestamp,
}

/// What is next.
enum Ahead {
    /// The first page, which is yet to be read.
    Begin,
    /// This page.
    Page(EventPage),
    /// Nothing: that was all.
    Ended,
    /// Nothing: something failed.
    Broken,
}

impl Kayan {
    /// Begins an export; that it began is audited before anything is handed out.
    pub async fn export_events(&self, operator: &Operator, cmd: ExportEvents) -> Result<EventExport, DeniedError> {
        self.permit(operator, &Permission::AUDIT_EXPORT, "audit.export").await?;
        let event = self.export_event(operator, self.clock.now(), "an export of the audit trail began");
        let reached = event.at();
        let ExportEvents { query, format } = cmd;
        let end = query.end.map_or(reached, |end| end.min(reached));
        let query =
            EventQuery { scope: operator.scope.clone(), order: EventOrder::OldestFirst, end: Some(end), ..query };
        let types: Vec<&str> = query.types.iter().map(|kind| kind.as_str()).collect();
        let event = event
            .with("format", format.as_str())
            .with("start", query.start.map(timestamp::text))
            .with("end", timestamp::text(end))
            .with("types", types)
            .with("of_actor", query.actor.clone())
            .with("of_subject", query.subject.clone())
            .with("of_status", query.outcome.map(kayan_ports::Outcome::as_str))
            .with("of_ip_address", query.ip.clone());
        self.record(event).await?;
        Ok(EventExport {
            trail: self.store.audit.clone(),
            query,
            writer: EventWriter::new(format),
            ahead: Ahead::Begin,
            count: 0,
            complete_until: end.min(reached - SETTLES_WITHIN),
        })
    }

    /// Audits how an export ended: with all of it, or with less.
    pub async fn end_export(&self, operator: &Operator, export: &EventExport) -> Result<(), Failure> {
        let event = self.export_event(operator, self.clock.now(), "an export of the audit trail ended");
        let event = event.with("count", export.count).with("whole", matches!(export.ahead, Ahead::Ended));
        self.record(event).await
    }

    fn export_event(&self, operator: &Operator, now: Timestamp, message: &str) -> crate::audit::event::Event {
        self.operator_event(operator, &operator.tenant(), EventType::AdminAction, now, message)
            .with("action", "audit.export")
    }
}

impl EventExport {
    /// Appends the next piece, which may be empty, to what it is given; false, with nothing appended: that was all of it.
    /// After a failure there is no more.
    ///
    /// While a page is written the next one is read.
    pub async fn next(&mut self, into: &mut Vec<u8>) -> Result<bool, Failure> {
        let page = match std::mem::replace(&mut self.ahead, Ahead::Broken) {
            Ahead::Begin => self.trail.events(&self.query, None, PAGE).await?,
            Ahead::Page(page) => page,
            Ahead::Ended => {
                self.ahead = Ahead::Ended;
                return Ok(false);
            }
            Ahead::Broken => return Err(Failure::Fault("the export was broken off".to_owned())),
        };
        if page.next.is_none() {
            self.writer.write(&page.events, into)?;
            self.writer.end(into)?;
            self.ahead = Ahead::Ended;
        } else {
            let read = self.trail.events(&self.query, page.next, PAGE);
            let writer = &mut self.writer;
            let write = async { writer.write(&page.events, into) };
            let (read, written) = future::join(read, write).await;
            written?;
            self.ahead = Ahead::Page(read?);
        }
        self.count += u64::try_from(page.events.len()).unwrap_or_default();
        Ok(true)
    }

    /// How many events were written so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// No event that happened before this, and was asked for, is missing or will ever be.
    pub fn complete_until(&self) -> Timestamp {
        self.complete_until
    }
}

#[cfg(test)]
mod tests;
