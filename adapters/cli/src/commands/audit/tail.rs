//! `kayan audit tail`: shows the latest events, and follows new ones.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    time::Duration,
};

use kayan_core::{Kayan, MOST_LISTED, Operator};
use kayan_ports::{AuditEvent, EventCursor, EventOrder, EventQuery, EventType, TenantId, terminal};

use super::{cells, list, of_types};
use crate::{
    args::Format,
    commands::{self, admin::operator},
    compose,
    exit::Exit,
};

/// How often new events are queried.
const PULSE: Duration = Duration::from_millis(500);
/// An event that is committed this long after it happened is still shown, though behind later ones.
const LATE: time::Duration = time::Duration::seconds(5);

/// How many events to show, and in which format.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) lines: u32,
    pub(super) follow: bool,
    pub(super) format: Format,
}

pub(super) async fn run(types: Vec<EventType>, tenant: Option<TenantId>, wanted: Wanted) -> Result<(), Exit> {
    let (operator, kayan) = (operator(tenant), commands::open().await?);
    let newest = of_types(types.clone(), &operator, EventOrder::NewestFirst);
    let begun = compose::clock().now();
    let mut last = list(&kayan, &operator, &newest, wanted.lines).await?;
    last.reverse();
    if !show(&last, wanted.format)? || !wanted.follow {
        return Ok(());
    }
    let mut seen: BTreeSet<EventCursor> = last.iter().map(EventCursor::from).collect();
    // Events that were committed before the command began are not new, even if the list has left them out.
    let before =
        EventQuery { start: Some(begun - LATE), ..of_types(types.clone(), &operator, EventOrder::OldestFirst) };
    if wanted.lines == 0 {
        seen.extend(recent(&kayan, &operator, &before).await?.iter().map(EventCursor::from));
    }
    // Events before the first of the list are not new, even if they happened at the same moment.
    let oldest = last.first().map(EventCursor::from);
    let mut since = last.first().map_or(begun - LATE, |event| event.created_at).max(begun - LATE);
    loop {
        tokio::select! {
            () = tokio::time::sleep(PULSE) => {}
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
        let query = EventQuery { start: Some(since), ..of_types(types.clone(), &operator, EventOrder::OldestFirst) };
        let mut events = recent(&kayan, &operator, &query).await?;
        events.retain(|event| oldest < Some(EventCursor::from(event)) && seen.insert(EventCursor::from(event)));
        if !show(&events, wanted.format)? {
            return Ok(());
        }
        let newest = seen.last().map_or(since, |newest| newest.at - LATE);
        since = since.max(newest);
        seen.retain(|event| event.at >= since);
    }
}

async fn recent(kayan: &Kayan, operator: &Operator, query: &EventQuery) -> Result<Vec<AuditEvent>, Exit> {
    let (mut events, mut after) = (Vec::new(), None);
    loop {
        let page = kayan.list_events(operator, query, after, MOST_LISTED).await?;
        events.extend(page.events);
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(events),
        }
    }
}

/// Prints a line per event; false if the pipe is closed.
fn show(events: &[AuditEvent], format: Format) -> Result<bool, Exit> {
    let mut text = String::new();
    for event in events {
        match format {
            Format::Json => text.push_str(&terminal::json(&serde_json::to_string(event).map_err(Exit::failed)?)),
            Format::Table => {
                let [at, tenant, kind, status, actor, subject, ip, message] = cells(event);
                let or = |text: String| if text.is_empty() { "-".to_owned() } else { text };
                let (actor, subject, ip) = (or(actor), or(subject), or(ip));
                let who = format!("actor={actor} subject={subject} ip={ip}");
                text.push_str(&[at, tenant, kind, status, who, message].join(" "));
            }
        }
        text.push('\n');
    }
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true).map_err(Exit::failed),
    }
}
