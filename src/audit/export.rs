//! Exports events of the audit trail as text, a piece at a time.

use std::sync::Arc;

use futures_util::future;
use kayan_ports::{AuditTrail, EventOrder, EventPage, EventQuery, EventType, Timestamp, timestamp};
use time::Duration;

use crate::{DeniedError, EventWriter, ExportFormat, Failure, Kayan, Operator, Permission};

/// Every event is committed within this time after it happened, under any load: it gets its time first and then waits
/// for a hash, the queue and the commit. An export misses no event older than that.
pub const SETTLES_WITHIN: Duration = Duration::seconds(30);
/// How many events are read at a time; twice as many are in memory.
const PAGE: u32 = 2_000;

/// Exports events as text.
#[derive(Debug, Clone)]
pub struct ExportEvents {
    /// Which events; always within the operator's scope and oldest first.
    pub query: EventQuery,
    /// The format.
    pub format: ExportFormat,
}

/// A running export.
///
/// It holds what was committed before it began, each event once and in order, whatever is written meanwhile (I-35), and
/// nothing later. Events of the last moments before it began may not have been committed yet; [`Self::complete_until`]
/// says from when on, and that is where the next export must start.
pub struct EventExport {
    trail: Arc<dyn AuditTrail>,
    query: EventQuery,
    writer: EventWriter,
    ahead: Ahead,
    count: u64,
    complete_until: Timestamp,
}

/// What comes next.
enum Ahead {
    /// The first page, which is not read yet.
    Begin,
    /// This page.
    Page(EventPage),
    /// The export is complete.
    Ended,
    /// The export failed.
    Broken,
}

impl Kayan {
    /// Starts an export. The start is audited before any event is returned.
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

    /// Audits the end of an export, and whether it was complete.
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
    /// Appends the next piece, which may be empty, to `into`; `false` with nothing appended at the end. After an error
    /// it stays at the end.
    ///
    /// Reads the next page while the current one is written.
    pub async fn next(&mut self, into: &mut Vec<u8>) -> Result<bool, Failure> {
        let page = match std::mem::replace(&mut self.ahead, Ahead::Broken) {
            Ahead::Begin => self.trail.events(&self.query, None, PAGE).await?,
            Ahead::Page(page) => page,
            Ahead::Ended => {
                self.ahead = Ahead::Ended;
                return Ok(false);
            }
            Ahead::Broken => return Err(Failure::Fault("the export has failed before".to_owned())),
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

    /// The number of events written so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Every event before this time that the query selects is in the export, and none will be added.
    pub fn complete_until(&self) -> Timestamp {
        self.complete_until
    }
}

#[cfg(test)]
mod tests;
