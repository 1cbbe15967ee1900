//! `kayan audit`: queries, exports, purges, seals and verifies the audit trail.

mod bundle;
mod export;
mod seals;
mod tail;

pub(crate) use self::seals::LATE;
use kayan_core::{Kayan, Operator, PurgeEventsError, policy::period};
use kayan_ports::{AuditEvent, EventCursor, EventOrder, EventQuery, EventType, TenantId, terminal, timestamp};
use time::Duration;

use super::admin::operator;
use crate::{
    args::{Audit, Format, Which},
    exit::Exit,
    output,
};

/// Runs the command.
pub(crate) fn run(action: Audit) -> Result<(), Exit> {
    match action {
        Audit::Export { which, bundle: Some(bundle), .. } => {
            super::block_on(seals::export(&bundle, which.tenant.as_ref()))
        }
        Audit::Export { which, format, output, bundle: None } => super::block_on(export::run(which, format, output)),
        Audit::Query { which, limit, format } => super::block_on(query(which, limit, format)),
        Audit::Tail { follow, lines, types, tenant, format } => {
            super::block_on(tail::run(types, tenant, tail::Wanted { lines, follow, format }))
        }
        Audit::Seal { output } => super::block_on(seals::seal(output.format)),
        Audit::Verify(asked) => seals::verify(asked),
        Audit::Purge { before, tenant } => super::block_on(purge(before, tenant)),
    }
}

async fn query(which: Which, limit: u32, format: Format) -> Result<(), Exit> {
    let (operator, query) = asked(which)?;
    let query = EventQuery { order: EventOrder::NewestFirst, ..query };
    let events = list(&super::open().await?, &operator, &query, limit).await?;
    match format {
        Format::Json => output::json(&events),
        Format::Table => {
            let header = ["created at", "tenant", "type", "status", "actor", "subject", "ip address", "message"];
            output::table(&header, events.iter().map(|event| cells(event).into()).collect())
        }
    }
}

/// The first `limit` events that match the query, over as many pages as it takes.
async fn list(kayan: &Kayan, operator: &Operator, query: &EventQuery, limit: u32) -> Result<Vec<AuditEvent>, Exit> {
    let (mut events, mut after): (_, Option<EventCursor>) = (Vec::new(), None);
    loop {
        let left = limit.saturating_sub(u32::try_from(events.len()).unwrap_or(u32::MAX));
        if left == 0 {
            return Ok(events);
        }
        let page = kayan.list_events(operator, query, after, left).await?;
        events.extend(page.events);
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(events),
        }
    }
}

async fn purge(before: String, tenant: Option<TenantId>) -> Result<(), Exit> {
    let before = period::moment("--before", &before, Duration::ZERO).map_err(Exit::usage)?;
    let count = super::open().await?.purge_events(&operator(tenant), before).await.map_err(|error| match error {
        PurgeEventsError::InFuture(_) => Exit::usage(format!("--before: {error}")),
        PurgeEventsError::Denied(error) => error.into(),
    })?;
    output::line(&format!("{count} events were purged"))
}

/// The operator and the query of the arguments.
fn asked(which: Which) -> Result<(Operator, EventQuery), Exit> {
    let (start, end) = period::read(which.start.as_deref(), which.end.as_deref()).map_err(Exit::usage)?;
    let operator = operator(which.tenant);
    let query = EventQuery {
        types: which.types,
        actor: which.actor,
        subject: which.subject,
        outcome: which.status,
        ip: which.ip,
        start,
        end,
        ..EventQuery::all(operator.scope.clone())
    };
    Ok((operator, query))
}

fn of_types(types: Vec<EventType>, operator: &Operator, order: EventOrder) -> EventQuery {
    EventQuery { types, order, ..EventQuery::all(operator.scope.clone()) }
}

/// The cells of an event's row.
fn cells(event: &AuditEvent) -> [String; 8] {
    let text = |maybe: &Option<String>| terminal::one_line(maybe.as_deref().unwrap_or_default()).into_owned();
    [
        timestamp::text(event.created_at),
        event.tenant.to_string(),
        event.kind.as_str().to_owned(),
        event.outcome.as_str().to_owned(),
        text(&event.actor),
        text(&event.subject),
        text(&event.client.ip),
        terminal::one_line(&event.message).into_owned(),
    ]
}
