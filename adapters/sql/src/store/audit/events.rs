//! Pages of the audit trail.
//!
//! Each page is found by the index that suits the query best and read in that index's order from a key on, so that every page
//! costs the same. Conditions that the index does not cover are checked row by row.

use kayan_ports::{EventCursor, EventId, EventOrder, EventPage, EventQuery, PurgeEvents, Scope, TenantId, Timestamp};
use time::{Duration, macros::datetime};
use uuid::Uuid;

use super::{decode, event};
use crate::{Dialect, Driver, DriverError, Query, Reading, Value, changes::Batch};

/// The earliest time that every database can store.
const FIRST: Timestamp = datetime!(0001-01-01 0:00 UTC);
/// The latest.
const LAST: Timestamp = datetime!(9999-12-31 23:59:59.999999 UTC);

/// The index to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Subject,
    Actor,
    Tenant,
    All,
}

pub(super) async fn page(
    driver: &impl Driver,
    query: &EventQuery,
    after: Option<EventCursor>,
    limit: u32,
) -> Result<EventPage, DriverError> {
    let tenant = query.scope.tenant().map(|tenant| Value::text(tenant.as_str()));
    let (way, mut params) = match (&query.subject, &query.actor, tenant) {
        (Some(subject), _, tenant) => (Way::Subject, vec![Value::text(subject), tenant.into()]),
        (None, Some(actor), tenant) => (Way::Actor, vec![Value::text(actor), tenant.into()]),
        (None, None, Some(tenant)) => (Way::Tenant, vec![tenant]),
        (None, None, None) => (Way::All, vec![]),
    };
    params.extend(period(query, after));
    params.push(i64::from(limit).into());
    let rows = driver.read(Query { sql: statement(way, query.order), params, reading: Reading::Scan }).await?;

    let more = u32::try_from(rows.len()) == Ok(limit);
    let mut page = EventPage { events: Vec::with_capacity(rows.len()), next: None };
    let mut last = None;
    for mut row in rows {
        let event = decode(&mut row)?;
        last = Some(EventCursor::from(&event));
        if query.takes(&event) {
            page.events.push(event);
        }
    }
    page.next = last.filter(|_| more);
    Ok(page)
}

/// The start, the end, and the key after which the page begins; for the first page, a key that no event has.
fn period(query: &EventQuery, after: Option<EventCursor>) -> [Value; 4] {
    let (start, end) = (query.start.unwrap_or(FIRST).clamp(FIRST, LAST), query.end.unwrap_or(LAST).clamp(FIRST, LAST));
    let (from, until, key) = match (query.order, after) {
        (EventOrder::OldestFirst, Some(key)) => (start.max(key.at), end, key),
        (EventOrder::OldestFirst, None) => {
            let before = if start == FIRST { Uuid::nil() } else { Uuid::max() };
            let at = if start == FIRST { FIRST } else { start - Duration::MICROSECOND };
            (start, end, EventCursor { at, id: EventId(before) })
        }
        (EventOrder::NewestFirst, Some(key)) => (start, end.min(key.at), key),
        (EventOrder::NewestFirst, None) => (start, end, EventCursor { at: end, id: EventId(Uuid::nil()) }),
    };
    // A forged key must not reach past the end.
    let key = match query.order {
        EventOrder::OldestFirst => key,
        EventOrder::NewestFirst => key.min(EventCursor { at: end, id: EventId(Uuid::nil()) }),
    };
    [from.into(), until.into(), key.at.into(), key.id.0.into()]
}

/// A page of the events that a condition selects, oldest or newest first.
macro_rules! page {
    ($signature:literal, $whose:literal, oldest) => {
        concat!(
            $signature,
            "\nSELECT ",
            event!(),
            "
FROM audit_events
WHERE ",
            $whose,
            "created_at >= ? AND created_at < ? AND (created_at, id) > (?, ?)
ORDER BY created_at, id
LIMIT ?"
        )
    };
    ($signature:literal, $whose:literal, newest) => {
        concat!(
            $signature,
            "\nSELECT ",
            event!(),
            "
FROM audit_events
WHERE ",
            $whose,
            "created_at >= ? AND created_at <= ? AND (created_at, id) < (?, ?)
ORDER BY created_at DESC, id DESC
LIMIT ?"
        )
    };
}

/// One statement for each index and order. A direction can't be a parameter; and with an optional condition such as
/// `? IS NULL OR tenant_id = ?`, neither SQLite nor PostgreSQL's generic plan uses the index. A subject or an actor has few
/// events, so the tenant is optional there.
fn statement(way: Way, order: EventOrder) -> &'static str {
    use EventOrder::{NewestFirst, OldestFirst};
    match (way, order) {
        (Way::Subject, OldestFirst) => {
            page!("-- events.of_subject", "subject = ? AND tenant_id = COALESCE(?, tenant_id) AND ", oldest)
        }
        (Way::Subject, NewestFirst) => {
            page!("-- events.of_subject_newest", "subject = ? AND tenant_id = COALESCE(?, tenant_id) AND ", newest)
        }
        (Way::Actor, OldestFirst) => {
            page!("-- events.of_actor", "actor = ? AND tenant_id = COALESCE(?, tenant_id) AND ", oldest)
        }
        (Way::Actor, NewestFirst) => {
            page!("-- events.of_actor_newest", "actor = ? AND tenant_id = COALESCE(?, tenant_id) AND ", newest)
        }
        (Way::Tenant, OldestFirst) => page!("-- events.of_tenant", "tenant_id = ? AND ", oldest),
        (Way::Tenant, NewestFirst) => page!("-- events.of_tenant_newest", "tenant_id = ? AND ", newest),
        (Way::All, OldestFirst) => page!("-- events.of_all", "", oldest),
        (Way::All, NewestFirst) => page!("-- events.of_all_newest", "", newest),
    }
}

/// Counts by tenant, in the order of their names, each by index. With a tenant, also when that no longer exists.
pub(super) async fn count(
    driver: &impl Driver,
    scope: &Scope,
    until: Timestamp,
) -> Result<Vec<(TenantId, u64)>, DriverError> {
    let (sql, params) = match scope.tenant() {
        Some(tenant) => (
            "-- events.count_of_tenant
SELECT tenant_id, COUNT(*)
FROM audit_events
WHERE tenant_id = ? AND created_at < ?
GROUP BY tenant_id",
            vec![Value::text(tenant.as_str()), until.into()],
        ),
        None => (
            "-- events.count
SELECT t.id, (SELECT COUNT(*) FROM audit_events e WHERE e.tenant_id = t.id AND e.created_at < ?)
FROM tenants t
ORDER BY t.id",
            vec![until.into()],
        ),
    };
    let rows = driver.read(Query { sql, params, reading: Reading::Scan }).await?;
    let decode = |mut row: crate::Row| {
        let tenant = row.word(|name| name.parse().ok())?;
        Ok((tenant, u64::try_from(row.int()?).unwrap_or(0)))
    };
    let counts = rows.into_iter().map(decode).collect::<Result<Vec<_>, DriverError>>()?;
    Ok(counts.into_iter().filter(|(_, count)| *count > 0).collect())
}

pub(crate) fn purge(batch: &mut Batch, change: &PurgeEvents) {
    let PurgeEvents { scope, until, parts_until } = change;
    let (until, parts_until) = (*until, *parts_until);
    // With `tenant_id = COALESCE(?, tenant_id)`, every database would read the old events of all tenants.
    if let Some(tenant) = scope.tenant() {
        let sql = "-- events.purge_of_tenant
DELETE FROM audit_events
WHERE tenant_id = ? AND created_at < ?";
        return batch.free(sql, vec![Value::text(tenant.as_str()), until.into()]);
    }
    if batch.dialect == Dialect::Postgres {
        let sql = "-- events.drop_parts
SELECT drop_audit_partitions(?)";
        batch.free(sql, vec![parts_until.into()]);
    }
    let sql = "-- events.purge
DELETE FROM audit_events
WHERE created_at < ?";
    batch.free(sql, vec![until.into()]);
}
