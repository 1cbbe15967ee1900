//! Accounts: identities and what they log in with.

mod lists;
mod pages;

use async_trait::async_trait;
use kayan_ports::{
    Account, AccountChange, AccountQuery, Accounts, Failure, Guard, Identifier, Identity, IdentityId, IdentityQuery,
    NamedIdentifier, Page, Scope, State, TenantId, Timestamp, Traits, Unique, Version,
};

use super::{roles, tenant_or_any};
use crate::{Driver, DriverError, Query, Reading, Row, SqlStore, Value, changes::Batch, damaged};

columns!(
    pub identity = "i.id, i.tenant_id, i.traits, i.state, i.verified, i.roles, i.created_at, i.updated_at, i.last_login_at, i.version"
);

/// Reads `identity!()`.
pub(crate) fn decode(row: &mut Row) -> Result<Identity, DriverError> {
    Ok(Identity {
        id: IdentityId(row.uuid()?),
        tenant: row.word(|name| name.parse().ok())?,
        traits: row.json()?,
        state: row.word(State::from_name)?,
        verified: row.json()?,
        roles: row.json()?,
        created_at: row.time()?,
        updated_at: row.time()?,
        last_login_at: row.maybe_time()?,
        version: row.int()?,
    })
}

#[async_trait]
impl<D: Driver> Accounts for SqlStore<D> {
    async fn identity(&self, scope: &Scope, id: IdentityId) -> Result<Option<Identity>, Failure> {
        let sql = concat!(
            "-- identities.by_id
SELECT ",
            identity!(),
            "
FROM identities i
WHERE i.id = ? AND i.tenant_id = COALESCE(?, i.tenant_id)"
        );
        let params = vec![id.0.into(), tenant_or_any(scope)];
        let rows = self.driver.read(Query { sql, params, reading: Reading::Point }).await?;
        Ok(rows.into_iter().next().map(|mut row| decode(&mut row)).transpose()?)
    }

    /// Two statements: with a single one, every database would read all tenants to find one.
    async fn identities_named(&self, scope: &Scope, identifier: &Identifier) -> Result<Vec<Identity>, Failure> {
        let value = Value::text(identifier.as_str());
        let query = match scope {
            Scope::Tenant(tenant) => Query {
                sql: concat!(
                    "-- identities.by_identifier
SELECT ",
                    identity!(),
                    "
FROM identifiers n
JOIN identities i ON i.id = n.identity_id AND i.tenant_id = n.tenant_id
WHERE n.value = ? AND n.tenant_id = ?"
                ),
                params: vec![value, Value::text(tenant.as_str())],
                reading: Reading::Point,
            },
            Scope::System => Query {
                sql: concat!(
                    "-- identities.by_identifier_anywhere
SELECT ",
                    identity!(),
                    "
FROM identifiers n
JOIN identities i ON i.id = n.identity_id AND i.tenant_id = n.tenant_id
WHERE n.value = ? AND n.tenant_id IN (SELECT t.id FROM tenants t)
ORDER BY n.tenant_id"
                ),
                params: vec![value],
                reading: Reading::Scan,
            },
        };
        let rows = self.driver.read(query).await?.into_iter().map(|mut row| decode(&mut row));
        Ok(rows.collect::<Result<_, DriverError>>()?)
    }

    async fn ended_locks(&self, now: Timestamp) -> Result<Vec<Identity>, Failure> {
        let sql = concat!(
            "-- identities.ended_locks
SELECT ",
            identity!(),
            "
FROM timed_locks l
JOIN identities i ON i.id = l.identity_id AND i.tenant_id = l.tenant_id
WHERE l.locked_until <= ? AND i.state = 'locked'
ORDER BY l.locked_until
LIMIT 100"
        );
        let rows = self.driver.read(Query { sql, params: vec![now.into()], reading: Reading::Scan }).await?;
        // A damaged row must not keep the others locked.
        Ok(damaged::apart("identities", 0, rows, |mut row| decode(&mut row)).0)
    }

    async fn identities(&self, query: &IdentityQuery) -> Result<Page<Identity>, Failure> {
        Ok(lists::page(self.lagging(), query).await?)
    }

    async fn without_factor(
        &self,
        tenant: &TenantId,
        role: Option<&str>,
        among: u32,
    ) -> Result<Vec<IdentityId>, Failure> {
        Ok(lists::without_factor(self.lagging(), tenant, role, among).await?)
    }

    async fn accounts(&self, query: &AccountQuery) -> Result<Vec<Account>, Failure> {
        Ok(pages::page(self.lagging(), query).await?)
    }

    async fn tenant_with_accounts(&self, after: Option<&TenantId>) -> Result<Option<TenantId>, Failure> {
        Ok(pages::tenant_after(self.lagging(), after).await?)
    }
}

pub(crate) fn apply(batch: &mut Batch, change: AccountChange) -> Result<(), DriverError> {
    match change {
        AccountChange::Create { identity, identifiers } => create(batch, *identity, identifiers)?,
        AccountChange::ReplaceTraits { tenant, identity, expected, traits, identifiers, verified, at } => {
            let new = NewTraits { traits, identifiers, verified };
            replace_traits(batch, &tenant, (identity, expected), new, at)?;
        }
        AccountChange::SetState { scope, identity, expected, state, until, at } => {
            set_state(batch, &scope, (identity, expected), (state, until), at);
        }
        AccountChange::Delete { scope, identity, expected } => delete(batch, &scope, (identity, expected)),
        AccountChange::Pin { tenant, identity, version } => pin(batch, &tenant, identity, version),
    }
    Ok(())
}

fn create(batch: &mut Batch, identity: Identity, identifiers: Vec<NamedIdentifier>) -> Result<(), DriverError> {
    let sql = "-- identities.create
INSERT INTO identities
  (id, traits, state, verified, roles, created_at, updated_at, last_login_at, version, tenant_id)
SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, t.id
FROM tenants t
WHERE t.id = ? AND t.active";
    let params = vec![
        identity.id.0.into(),
        Value::json(&identity.traits)?,
        identity.state.as_str().into(),
        Value::json(&identity.verified)?,
        Value::json(&identity.roles)?,
        identity.created_at.into(),
        identity.updated_at.into(),
        identity.last_login_at.into(),
        identity.version.into(),
        Value::text(identity.tenant.as_str()),
    ];
    batch.guarded_unique(sql, params, Guard::Tenant, Unique::Identity);
    name(batch, &identity.tenant, identity.id, identifiers);
    roles::give(batch, &identity.tenant, identity.id, &identity.roles);
    Ok(())
}

/// The new traits of an identity.
struct NewTraits {
    traits: Traits,
    identifiers: Vec<NamedIdentifier>,
    verified: Vec<String>,
}

fn replace_traits(
    batch: &mut Batch,
    tenant: &TenantId,
    (identity, expected): (IdentityId, Version),
    new: NewTraits,
    at: Timestamp,
) -> Result<(), DriverError> {
    let sql = "-- identities.replace_traits
UPDATE identities
SET traits = ?, verified = ?, updated_at = ?, version = version + 1
WHERE id = ? AND tenant_id = ? AND version = ?";
    let params = vec![
        Value::json(&new.traits)?,
        Value::json(&new.verified)?,
        at.into(),
        identity.0.into(),
        Value::text(tenant.as_str()),
        expected.into(),
    ];
    batch.guarded(sql, params, Guard::Identity);
    let sql = "-- identities.drop_identifiers
DELETE FROM identifiers
WHERE identity_id = ? AND tenant_id = ?";
    batch.free(sql, vec![identity.0.into(), Value::text(tenant.as_str())]);
    name(batch, tenant, identity, new.identifiers);
    Ok(())
}

/// Adds identifiers; one that two traits share is added once, under the first of them.
fn name(batch: &mut Batch, tenant: &TenantId, identity: IdentityId, identifiers: Vec<NamedIdentifier>) {
    let sql = "-- identities.add_identifier
INSERT INTO identifiers (tenant_id, value, identity_id, field)
VALUES (?, ?, ?, ?)";
    let mut seen: Vec<Identifier> = Vec::with_capacity(identifiers.len());
    for NamedIdentifier { field, value } in identifiers {
        if seen.contains(&value) {
            continue;
        }
        let params = vec![Value::text(tenant.as_str()), Value::text(value.as_str()), identity.0.into(), field.into()];
        batch.unique(sql, params, Unique::Identifier);
        seen.push(value);
    }
}

fn pin(batch: &mut Batch, tenant: &TenantId, identity: IdentityId, version: Version) {
    let sql = "-- identities.hold
UPDATE identities
SET version = version
WHERE id = ? AND tenant_id = ? AND version = ?";
    batch.guarded(sql, vec![identity.0.into(), Value::text(tenant.as_str()), version.into()], Guard::Identity);
}

/// Locks an identity, of any version and whether or not it is there, before what belongs to it is changed.
pub(crate) fn lock(batch: &mut Batch, scope: &Scope, identity: IdentityId) {
    let sql = "-- identities.lock
UPDATE identities
SET version = version
WHERE id = ? AND tenant_id = COALESCE(?, tenant_id)";
    batch.free(sql, vec![identity.0.into(), tenant_or_any(scope)]);
}

/// The versions that are taken: the one that was read, or any.
fn versions(expected: Option<Version>) -> [Value; 2] {
    expected.map_or([0.into(), Version::MAX.into()], |only| [only.into(), only.into()])
}

fn set_state(
    batch: &mut Batch,
    scope: &Scope,
    (identity, expected): (IdentityId, Option<Version>),
    (state, until): (State, Option<Timestamp>),
    at: Timestamp,
) {
    let sql = "-- identities.set_state
UPDATE identities
SET state = ?, updated_at = ?, version = version + 1
WHERE id = ? AND version BETWEEN ? AND ? AND tenant_id = COALESCE(?, tenant_id)";
    let [oldest, newest] = versions(expected);
    let params = vec![state.as_str().into(), at.into(), identity.0.into(), oldest, newest, tenant_or_any(scope)];
    batch.guarded(sql, params, Guard::Identity);
    let sql = "-- identities.forget_lock
DELETE FROM timed_locks
WHERE identity_id = ?";
    batch.free(sql, vec![identity.0.into()]);
    if let Some(until) = until {
        let sql = "-- identities.time_lock
INSERT INTO timed_locks (identity_id, tenant_id, locked_until)
SELECT i.id, i.tenant_id, ?
FROM identities i
WHERE i.id = ?";
        batch.free(sql, vec![until.into(), identity.0.into()]);
    }
}

/// Locks the identity's row and then, by the foreign keys, what belongs to it.
fn delete(batch: &mut Batch, scope: &Scope, (identity, expected): (IdentityId, Option<Version>)) {
    let sql = "-- identities.delete
DELETE FROM identities
WHERE id = ? AND version BETWEEN ? AND ? AND tenant_id = COALESCE(?, tenant_id)";
    let [oldest, newest] = versions(expected);
    batch.guarded(sql, vec![identity.0.into(), oldest, newest, tenant_or_any(scope)], Guard::Identity);
}
