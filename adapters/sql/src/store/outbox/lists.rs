//! Lists of messages for administrators, and counts of what waits.

use kayan_ports::{Backlog, Message, MessageQuery, Page};

use super::{decode, message};
use crate::{Driver, DriverError, Query, Reading, Value, damaged};

/// A state is counted up to here, so that a long backlog costs no more.
const COUNTED: u64 = 100_000;

/// A count or a list of messages.
macro_rules! statement {
    ($signature:literal, count $($which:literal)?) => {
        concat!($signature, "\nSELECT ", "COUNT(*)\nFROM messages", $("\nWHERE ", $which)?)
    };
    ($signature:literal, list $($which:literal)?) => {
        concat!(
            $signature,
            "\nSELECT ",
            message!(),
            "\nFROM messages",
            $("\nWHERE ", $which,)?
            "
ORDER BY created_at DESC, id DESC
LIMIT ? OFFSET ?"
        )
    };
}

pub(super) async fn page(driver: &impl Driver, query: &MessageQuery) -> Result<Page<Message>, DriverError> {
    let tenant = query.scope.tenant().map(|tenant| Value::text(tenant.as_str()));
    let state = query.state.map(|state| Value::from(state.as_str()));
    let (count, list) = statements(tenant.is_some(), state.is_some());
    let mut params: Vec<_> = tenant.into_iter().chain(state).collect();

    let counted = driver.read(Query { sql: count, params: params.clone(), reading: Reading::Scan }).await?;
    let total = counted.into_iter().next().map_or(Ok(0), |mut row| row.int())?;
    params.push(i64::from(query.limit).into());
    params.push(i64::try_from(query.offset).unwrap_or(i64::MAX).into());
    let rows = driver.read(Query { sql: list, params, reading: Reading::Scan }).await?;
    let (rows, damaged) = damaged::apart("messages", 0, rows, decode);
    Ok(Page { rows, damaged, total: u64::try_from(total).unwrap_or(0) })
}

/// The count and the list, each with the conditions that an index is there for.
fn statements(in_tenant: bool, in_state: bool) -> (&'static str, &'static str) {
    match (in_tenant, in_state) {
        (true, false) => (
            statement!("-- messages.count", count "tenant_id = ?"),
            statement!("-- messages.list", list "tenant_id = ?"),
        ),
        (true, true) => (
            statement!("-- messages.count_in_state", count "tenant_id = ? AND state = ?"),
            statement!("-- messages.list_in_state", list "tenant_id = ? AND state = ?"),
        ),
        (false, true) => (
            statement!("-- messages.count_in_state_anywhere", count "state = ?"),
            statement!("-- messages.list_in_state_anywhere", list "state = ?"),
        ),
        (false, false) => {
            (statement!("-- messages.count_anywhere", count), statement!("-- messages.list_anywhere", list))
        }
    }
}

pub(super) async fn backlog(driver: &impl Driver) -> Result<Backlog, DriverError> {
    let sql = "-- messages.backlog
SELECT (SELECT COUNT(*) FROM (SELECT id FROM messages WHERE state = 'due' LIMIT 100000) due),
       (SELECT COUNT(*) FROM (SELECT id FROM messages WHERE state = 'leased' LIMIT 100000) leased),
       (SELECT COUNT(*) FROM (SELECT id FROM messages WHERE state = 'dead' LIMIT 100000) dead),
       (SELECT MIN(created_at) FROM messages WHERE state = 'due'),
       (SELECT MIN(created_at) FROM messages WHERE state = 'leased')";
    let rows = driver.read(Query { sql, params: Vec::new(), reading: Reading::Scan }).await?;
    let Some(mut row) = rows.into_iter().next() else { return Ok(Backlog::default()) };
    let [due, leased, dead] = [row.int()?, row.int()?, row.int()?].map(|count| u64::try_from(count).unwrap_or(0));
    let oldest = [row.maybe_time()?, row.maybe_time()?].into_iter().flatten().min();
    Ok(Backlog { waiting: (due + leased).min(COUNTED), oldest, dead })
}
