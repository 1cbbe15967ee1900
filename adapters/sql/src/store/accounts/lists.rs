//! Lists of identities, newest first.

use kayan_ports::{Identity, IdentityQuery, Page, State};

use super::decode;
use crate::{Driver, DriverError, Query, Reading, Value, damaged};

pub(super) async fn page(driver: &impl Driver, query: &IdentityQuery) -> Result<Page<Identity>, DriverError> {
    let tenant = query.scope.tenant().map(|tenant| Value::text(tenant.as_str()));
    let pattern = query.contains.as_deref().filter(|text| !text.is_empty()).map(pattern);
    let (count, list) = statements(tenant.is_some(), pattern.is_some());
    let mut params: Vec<Value> = tenant.into_iter().collect();
    params.extend(states(query.state));
    params.extend(pattern);

    let counted = driver.read(Query { sql: count, params: params.clone(), reading: Reading::Scan }).await?;
    let total = counted.into_iter().next().map_or(Ok(0), |mut row| row.int())?;
    params.push(i64::from(query.limit).into());
    params.push(i64::try_from(query.offset).unwrap_or(i64::MAX).into());
    let rows = driver.read(Query { sql: list, params, reading: Reading::Scan }).await?;
    let (rows, damaged) = damaged::apart("identities", 0, rows, |mut row| decode(&mut row));
    Ok(Page { rows, damaged, total: u64::try_from(total).unwrap_or(0) })
}

/// The states to look for, always as many as there are, so that one statement serves with and without a filter.
fn states(only: Option<State>) -> [Value; 4] {
    State::ALL.map(|state| only.unwrap_or(state).as_str().into())
}

/// A `LIKE` pattern for "contains `text`" in which `%`, `_` and the escape `!` stand for themselves (I-39).
/// Identifiers are case-folded, so the text is put in lower case, which makes databases agree on case.
fn pattern(text: &str) -> Value {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for char in text.chars().flat_map(char::to_lowercase) {
        if matches!(char, '!' | '%' | '_') {
            pattern.push('!');
        }
        pattern.push(char);
    }
    pattern.push('%');
    pattern.into()
}

/// The count and the list.
fn statements(in_tenant: bool, searching: bool) -> (&'static str, &'static str) {
    match (in_tenant, searching) {
        (true, false) => (
            "-- identities.count
SELECT COUNT(*)
FROM identities i
WHERE i.tenant_id = ? AND i.state IN (?, ?, ?, ?)",
            "-- identities.list
SELECT i.id, i.tenant_id, i.traits, i.state, i.verified, i.roles, i.created_at, i.updated_at, i.last_login_at, i.version
FROM identities i
WHERE i.tenant_id = ? AND i.state IN (?, ?, ?, ?)
ORDER BY i.created_at DESC, i.id DESC
LIMIT ? OFFSET ?",
        ),
        (true, true) => (
            "-- identities.count_matching
SELECT COUNT(*)
FROM identities i
WHERE i.tenant_id = ? AND i.state IN (?, ?, ?, ?)
  AND EXISTS (SELECT 1 FROM identifiers n
              WHERE n.identity_id = i.id AND n.tenant_id = i.tenant_id AND n.value LIKE ? ESCAPE '!')",
            "-- identities.list_matching
SELECT i.id, i.tenant_id, i.traits, i.state, i.verified, i.roles, i.created_at, i.updated_at, i.last_login_at, i.version
FROM identities i
WHERE i.tenant_id = ? AND i.state IN (?, ?, ?, ?)
  AND EXISTS (SELECT 1 FROM identifiers n
              WHERE n.identity_id = i.id AND n.tenant_id = i.tenant_id AND n.value LIKE ? ESCAPE '!')
ORDER BY i.created_at DESC, i.id DESC
LIMIT ? OFFSET ?",
        ),
        (false, false) => (
            "-- identities.count_anywhere
SELECT COUNT(*)
FROM identities i
WHERE i.state IN (?, ?, ?, ?)",
            "-- identities.list_anywhere
SELECT i.id, i.tenant_id, i.traits, i.state, i.verified, i.roles, i.created_at, i.updated_at, i.last_login_at, i.version
FROM identities i
WHERE i.state IN (?, ?, ?, ?)
ORDER BY i.created_at DESC, i.id DESC
LIMIT ? OFFSET ?",
        ),
        (false, true) => (
            "-- identities.count_matching_anywhere
SELECT COUNT(*)
FROM identities i
WHERE i.state IN (?, ?, ?, ?)
  AND EXISTS (SELECT 1 FROM identifiers n
              WHERE n.identity_id = i.id AND n.tenant_id = i.tenant_id AND n.value LIKE ? ESCAPE '!')",
            "-- identities.list_matching_anywhere
SELECT i.id, i.tenant_id, i.traits, i.state, i.verified, i.roles, i.created_at, i.updated_at, i.last_login_at, i.version
FROM identities i
WHERE i.state IN (?, ?, ?, ?)
  AND EXISTS (SELECT 1 FROM identifiers n
              WHERE n.identity_id = i.id AND n.tenant_id = i.tenant_id AND n.value LIKE ? ESCAPE '!')
ORDER BY i.created_at DESC, i.id DESC
LIMIT ? OFFSET ?",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_of_a_search_stand_for_themselves() {
        assert_eq!(pattern("100%_A!"), Value::from("%100!%!_a!!%"));
    }
}
