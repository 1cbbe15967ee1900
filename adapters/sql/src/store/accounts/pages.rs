//! Pages of accounts for an export, by key and not by offset.

use kayan_ports::{Account, AccountQuery, IdentityId, PasswordHash, State, TenantId, Timestamp};
use uuid::Uuid;

use super::{decode, identity};
use crate::{Driver, DriverError, Query, Reading, Row, Value};

/// Some databases look up the pair in an index; the first condition is for those that can't.
pub(super) async fn page(driver: &impl Driver, query: &AccountQuery) -> Result<Vec<Account>, DriverError> {
    let sql = if query.hashes {
        concat!(
            "-- accounts.page_with_hashes
SELECT ",
            identity!(),
            ", c.secret
FROM identities i
LEFT JOIN credentials c ON c.identity_id = i.id AND c.tenant_id = i.tenant_id AND c.kind = 'password' AND c.subject = ''
WHERE i.tenant_id = ? AND i.created_at >= ? AND (i.created_at, i.id) > (?, ?) AND i.state IN (?, ?, ?, ?)
ORDER BY i.created_at, i.id
LIMIT ?"
        )
    } else {
        concat!(
            "-- accounts.page
SELECT ",
            identity!(),
            "
FROM identities i
WHERE i.tenant_id = ? AND i.created_at >= ? AND (i.created_at, i.id) > (?, ?) AND i.state IN (?, ?, ?, ?)
ORDER BY i.created_at, i.id
LIMIT ?"
        )
    };
    // No account was created before then.
    let (at, id) = query.after.unwrap_or((Timestamp::UNIX_EPOCH, IdentityId(Uuid::nil())));
    let mut params = vec![Value::text(query.tenant.as_str()), at.into(), at.into(), id.0.into()];
    params.extend(State::ALL.map(|state| query.state.unwrap_or(state).as_str().into()));
    params.push(i64::from(query.limit).into());
    let rows = driver.read(Query { sql, params, reading: Reading::Scan }).await?;
    rows.into_iter().map(|mut row| decode_account(&mut row)).collect()
}

fn decode_account(row: &mut Row) -> Result<Account, DriverError> {
    let identity = decode(row)?;
    Ok(Account { identity, hash: row.maybe_text()?.map(PasswordHash::new) })
}

pub(super) async fn tenant_after(
    driver: &impl Driver,
    after: Option<&TenantId>,
) -> Result<Option<TenantId>, DriverError> {
    let sql = "-- accounts.tenant_after
SELECT MIN(tenant_id)
FROM identities
WHERE tenant_id > ?";
    let params = vec![Value::text(after.map_or("", TenantId::as_str))];
    let rows = driver.read(Query { sql, params, reading: Reading::Scan }).await?;
    let Some(mut row) = rows.into_iter().next().filter(|row| !row.at_null()) else { return Ok(None) };
    row.word(|name| name.parse().ok()).map(Some)
}
