//! Turns changes into statements, and a statement that failed into what that means.

use kayan_ports::{Change, CommitError, Failure, Guard, Unique};

use crate::{
    ApplyError, Dialect, Driver, DriverError, Expect, Statement, Value,
    store::{
        accounts, admin_tokens, attempts, audit, cleanup, credentials, devices, factors, idempotency, issuer_keys,
        keys, one_time, outbox, roles, seals, sessions, tenants,
    },
};

/// Applies the changes in one transaction.
pub(crate) async fn commit(driver: &impl Driver, changes: Vec<Change>) -> Result<(), CommitError> {
    let mut batch = Batch::new(driver.dialect());
    for change in changes {
        translate(&mut batch, change)?;
    }
    batch.apply(driver).await
}

/// The statements of these changes, to be run in a transaction of the caller.
pub(crate) fn statements(
    dialect: Dialect,
    changes: Vec<Change>,
) -> Result<Vec<(&'static str, Vec<Value>)>, DriverError> {
    let mut batch = Batch::new(dialect);
    for change in changes {
        translate(&mut batch, change)?;
    }
    Ok(batch.statements.into_iter().map(|statement| (statement.sql, statement.params)).collect())
}

/// The statements of a list of changes, and what the failure of each means.
pub(crate) struct Batch {
    /// The SQL that it is written in.
    pub(crate) dialect: Dialect,
    statements: Vec<Statement>,
    meanings: Vec<Meaning>,
}

/// What it means when a statement fails in a way that it may.
#[derive(Clone, Copy, Default)]
struct Meaning {
    guard: Option<Guard>,
    unique: Option<Unique>,
}

impl Batch {
    /// An empty one, for a database of that kind.
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self { dialect, statements: Vec::new(), meanings: Vec::new() }
    }

    /// Applies it whole or not at all.
    pub(crate) async fn apply(self, driver: &impl Driver) -> Result<(), CommitError> {
        if self.statements.is_empty() {
            return Ok(());
        }
        let Self { statements, meanings, .. } = self;
        driver.apply(statements).await.map_err(|error| explain(error, &meanings))
    }

    /// A statement that may match any number of rows.
    pub(crate) fn free(&mut self, sql: &'static str, params: Vec<Value>) {
        self.push(sql, params, Expect::Any, Meaning::default());
    }

    /// A statement that matches one row, or else `guard` is broken.
    pub(crate) fn guarded(&mut self, sql: &'static str, params: Vec<Value>, guard: Guard) {
        self.push(sql, params, Expect::One, Meaning { guard: Some(guard), unique: None });
    }

    /// A statement that adds one row, or else `unique` is taken.
    pub(crate) fn unique(&mut self, sql: &'static str, params: Vec<Value>, unique: Unique) {
        self.push(sql, params, Expect::One, Meaning { guard: None, unique: Some(unique) });
    }

    /// Both.
    pub(crate) fn guarded_unique(&mut self, sql: &'static str, params: Vec<Value>, guard: Guard, unique: Unique) {
        self.push(sql, params, Expect::One, Meaning { guard: Some(guard), unique: Some(unique) });
    }

    fn push(&mut self, sql: &'static str, params: Vec<Value>, expect: Expect, meaning: Meaning) {
        self.statements.push(Statement { sql, params, expect });
        self.meanings.push(meaning);
    }
}

fn translate(batch: &mut Batch, change: Change) -> Result<(), DriverError> {
    match change {
        Change::Account(change) => accounts::apply(batch, change)?,
        Change::Credential(change) => credentials::apply(batch, change)?,
        Change::Factor(change) => factors::apply(batch, change)?,
        Change::Device(change) => devices::apply(batch, change),
        Change::OneTime(change) => one_time::apply(batch, change),
        Change::Outbox(change) => outbox::apply(batch, change),
        Change::Session(change) => sessions::apply(batch, change)?,
        Change::Role(change) => roles::apply(batch, change)?,
        Change::Tenant(change) => tenants::apply(batch, change)?,
        Change::Key(change) => keys::apply(batch, change),
        Change::IssuerKey(change) => issuer_keys::apply(batch, change)?,
        Change::Seal(change) => seals::apply(batch, change),
        Change::ForgetAttempts(key) => attempts::forget(batch, &key),
        Change::RevokeAdminToken(revocation) => admin_tokens::revoke(batch, *revocation),
        Change::StoreResponse(response) => idempotency::store(batch, *response),
        Change::RemoveExpired(expired) => cleanup::remove(batch, &expired),
        Change::PurgeEvents(purge) => audit::purge(batch, &purge),
        Change::Record(event) => audit::record(batch, *event)?,
    }
    Ok(())
}

fn explain(error: ApplyError, meanings: &[Meaning]) -> CommitError {
    let meaning = |at: usize| meanings.get(at).copied().unwrap_or_default();
    match error {
        ApplyError::Guard(at) => meaning(at).guard.map_or_else(|| failed(&error), CommitError::Stale),
        ApplyError::Unique(at) => meaning(at).unique.map_or_else(|| failed(&error), CommitError::Conflict),
        ApplyError::Unavailable(why) => DriverError::Unavailable(why).into(),
        ApplyError::Nul => DriverError::Nul.into(),
        ApplyError::Fault(_) => failed(&error),
    }
}

/// A statement failed that no change expects to fail: equal ids, or a row that was found and is gone within a transaction.
fn failed(error: &ApplyError) -> CommitError {
    CommitError::Failed(Failure::Fault(format!("the database failed: {error}")))
}
