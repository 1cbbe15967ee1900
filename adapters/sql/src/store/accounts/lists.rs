//! Lists of identities, newest first.

use kayan_ports::{Identity, IdentityId, IdentityQuery, Page, State, TenantId};

use super::{decode, identity};
use crate::{Driver, DriverError, Query, Reading, Value, damaged};

pub(super) async fn page(driver: &impl Driver, query: &IdentityQuery) -> Result<Page<Identity>, DriverError> {
    let tenant = query.scope.tenant().map(|tenant| Value::text(tenant.as_str()));
    let pattern = query.contains.as_deref().filter(|text| !text.is_empty()).map(pattern);
    let (count, list) = statements(tenant.is_some(), pattern.is_some(), query.without_factor);
    let mut params = Vec::from(states(query.state));
    params.extend(tenant.into_iter().chain(pattern));

    let counted = driver.read(Query { sql: count, params: params.clone(), reading: Reading::Scan }).await?;
    let total = counted.into_iter().next().map_or(Ok(0), |mut row| row.int())?;
    params.push(i64::from(query.limit).into());
    params.push(i64::try_from(query.offset).unwrap_or(i64::MAX).into());
    let rows = driver.read(Query { sql: list, params, reading: Reading::Scan }).await?;
    let (rows, damaged) = damaged::apart("identities", 0, rows, |mut row| decode(&mut row));
    Ok(Page { rows, damaged, total: u64::try_from(total).unwrap_or(0) })
}

/// The states to look for, always the same number, so that one statement serves with and without a filter.
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

/// Whether an identity of the table with this alias has no confirmed app and no passkey.
macro_rules! lacks_factor {
    ($of:literal) => {
        concat!(
            "NOT EXISTS (SELECT 1 FROM credentials c
              WHERE c.identity_id = ",
            $of,
            ".id AND c.tenant_id = ",
            $of,
            ".tenant_id
                AND c.kind IN ('totp', 'webauthn') AND c.subject <> 'unconfirmed')"
        )
    };
}

/// A count or a list of the identities that a query takes.
macro_rules! statement {
    ($signature:literal, count $($which:ident)+) => {
        concat!($signature, "\nSELECT ", "COUNT(*)", statement!(from), $(statement!($which)),+)
    };
    ($signature:literal, list $($which:ident)+) => {
        concat!(
            $signature,
            "\nSELECT ",
            identity!(),
            statement!(from),
            $(statement!($which)),+,
            "
ORDER BY i.created_at DESC, i.id DESC
LIMIT ? OFFSET ?"
        )
    };
    (from) => {
        "
FROM identities i
WHERE i.state IN (?, ?, ?, ?)"
    };
    (anywhere) => {
        ""
    };
    (in_tenant) => {
        " AND i.tenant_id = ?"
    };
    (matching) => {
        "
  AND EXISTS (SELECT 1 FROM identifiers n
              WHERE n.identity_id = i.id AND n.tenant_id = i.tenant_id AND n.value LIKE ? ESCAPE '!')"
    };
    (lacking) => {
        concat!("\n  AND ", lacks_factor!("i"))
    };
}

/// The count and the list, one statement for each combination. With `tenant_id = COALESCE(?, tenant_id)`, every database would
/// read the identities of all tenants; with `? IS NULL OR EXISTS (…)`, PostgreSQL's generic plan runs the subquery for each
/// identity instead of joining.
fn statements(in_tenant: bool, searching: bool, lacking: bool) -> (&'static str, &'static str) {
    match (in_tenant, searching, lacking) {
        (true, false, false) => {
            (statement!("-- identities.count", count in_tenant), statement!("-- identities.list", list in_tenant))
        }
        (true, true, false) => (
            statement!("-- identities.count_matching", count in_tenant matching),
            statement!("-- identities.list_matching", list in_tenant matching),
        ),
        (false, false, false) => (
            statement!("-- identities.count_anywhere", count anywhere),
            statement!("-- identities.list_anywhere", list anywhere),
        ),
        (false, true, false) => (
            statement!("-- identities.count_matching_anywhere", count anywhere matching),
            statement!("-- identities.list_matching_anywhere", list anywhere matching),
        ),
        (true, false, true) => (
            statement!("-- identities.count_lacking", count in_tenant lacking),
            statement!("-- identities.list_lacking", list in_tenant lacking),
        ),
        (true, true, true) => (
            statement!("-- identities.count_matching_lacking", count in_tenant matching lacking),
            statement!("-- identities.list_matching_lacking", list in_tenant matching lacking),
        ),
        (false, false, true) => (
            statement!("-- identities.count_lacking_anywhere", count anywhere lacking),
            statement!("-- identities.list_lacking_anywhere", list anywhere lacking),
        ),
        (false, true, true) => (
            statement!("-- identities.count_matching_lacking_anywhere", count anywhere matching lacking),
            statement!("-- identities.list_matching_lacking_anywhere", list anywhere matching lacking),
        ),
    }
}

/// Looks at no more than `among` identities, however many a tenant has.
pub(super) async fn without_factor(
    driver: &impl Driver,
    tenant: &TenantId,
    role: Option<&str>,
    among: u32,
) -> Result<Vec<IdentityId>, DriverError> {
    let sql = if role.is_some() {
        concat!(
            "-- identities.holders_without_factor
SELECT newest.id
FROM (SELECT h.id, h.tenant_id
      FROM identity_roles a
      JOIN identities h ON h.id = a.identity_id AND h.tenant_id = a.tenant_id
      WHERE a.tenant_id = ? AND a.role = ? AND h.state = 'active'
      ORDER BY a.identity_id DESC
      LIMIT ?) newest
WHERE ",
            lacks_factor!("newest")
        )
    } else {
        concat!(
            "-- identities.newest_without_factor
SELECT newest.id
FROM (SELECT h.id, h.tenant_id
      FROM identities h
      WHERE h.tenant_id = ? AND h.state = 'active'
      ORDER BY h.created_at DESC, h.id DESC
      LIMIT ?) newest
WHERE ",
            lacks_factor!("newest")
        )
    };
    let mut params = vec![Value::text(tenant.as_str())];
    params.extend(role.map(Value::text));
    params.push(i64::from(among).into());
    let rows = driver.read(Query { sql, params, reading: Reading::Scan }).await?;
    rows.into_iter().map(|mut row| row.uuid().map(IdentityId)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_of_a_search_stand_for_themselves() {
        assert_eq!(pattern("100%_A!"), Value::from("%100!%!_a!!%"));
    }
}
