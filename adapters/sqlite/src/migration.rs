//! The migration lock: the file's write lock, which SQLite releases when a process dies.

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use kayan_sql::{DriverError, MigrationLock, Query, Row, Statement, Value};
use rusqlite::{
    Connection, ErrorCode,
    hooks::{AuthAction, AuthContext, Authorization},
};
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    task::spawn_blocking,
    time::timeout,
};

use crate::{
    errors::store_error,
    values::{answer, bound},
};

/// How long one process waits for another's migrations.
const PATIENCE: Duration = Duration::from_mins(1);

/// Takes the write lock and keeps it in one transaction; each migration is a savepoint within it.
pub(crate) async fn lock(
    connection: &Arc<Mutex<Connection>>,
    busy: Duration,
) -> Result<Box<dyn MigrationLock>, DriverError> {
    let taken = timeout(PATIENCE, Arc::clone(connection).lock_owned()).await;
    let connection =
        taken.map_err(|_| DriverError::Unavailable("another task has been migrating for a minute".to_owned()))?;
    let lock = Lock { connection, busy };
    let lock = blocking(move || {
        lock.connection.busy_timeout(PATIENCE).map_err(|error| store_error(&error, "migrations.lock"))?;
        // A migration that rebuilds a table drops the old one, and with it, if keys were enforced, every row that refers
        // to it; they are checked at the end of each migration instead. Within a transaction this cannot be switched.
        lock.control("PRAGMA foreign_keys = OFF")?;
        lock.control("BEGIN IMMEDIATE")?;
        Ok(lock)
    })
    .await?;
    Ok(Box::new(Held(Some(lock))))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DriverError> + Send + 'static,
) -> Result<T, DriverError> {
    spawn_blocking(work).await.unwrap_or_else(|_| Err(DriverError::Fault("a migration panicked".to_owned())))
}

/// Dropping it rolls back what was not committed and puts the connection in order.
struct Lock {
    connection: OwnedMutexGuard<Connection>,
    busy: Duration,
}

impl Lock {
    fn control(&self, sql: &str) -> Result<(), DriverError> {
        self.connection.execute_batch(sql).map_err(|error| store_error(&error, "migrations.lock"))
    }

    fn run(&mut self, script: &str, bookkeeping: Option<&Statement>) -> Result<(), DriverError> {
        self.control("SAVEPOINT migration")?;
        let outcome = self.script(script).and_then(|()| self.finish(bookkeeping));
        if self.connection.is_autocommit() {
            let ended = DriverError::Fault("the database ended the transaction by itself".to_owned());
            return Err(outcome.err().unwrap_or(ended));
        }
        if outcome.is_err() {
            self.control("ROLLBACK TO migration")?;
        }
        self.control("RELEASE migration")?;
        outcome
    }

    fn script(&mut self, script: &str) -> Result<(), DriverError> {
        let authorizer = |error| store_error(&error, "migrations.lock");
        self.connection.authorizer(Some(keep_in_transaction)).map_err(authorizer)?;
        let ran = self.connection.execute_batch(script);
        self.connection.authorizer(None::<fn(AuthContext<'_>) -> Authorization>).map_err(authorizer)?;
        ran.map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::AuthorizationForStatementDenied) => DriverError::Fault(
                "the script runs in a transaction; take BEGIN, COMMIT, ROLLBACK, SAVEPOINT and ATTACH out of it"
                    .to_owned(),
            ),
            _ => store_error(&error, "migrations.script"),
        })
    }

    fn finish(&self, bookkeeping: Option<&Statement>) -> Result<(), DriverError> {
        if let Some(statement) = bookkeeping {
            bound(&self.connection, statement.sql, &statement.params)
                .and_then(|mut prepared| prepared.raw_execute())
                .map_err(|error| store_error(&error, statement.sql))?;
        }
        let dangling = self.connection.prepare("PRAGMA foreign_key_check").and_then(|mut check| check.exists(()));
        if dangling.map_err(|error| store_error(&error, "migrations.check"))? {
            return Err(DriverError::Fault("it leaves rows that refer to rows that are not there".to_owned()));
        }
        Ok(())
    }
}

/// A script that could commit would leave a half of itself behind when the other half fails.
fn keep_in_transaction(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } | AuthAction::Attach { .. } => {
            Authorization::Deny
        }
        _ => Authorization::Allow,
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.control("ROLLBACK")
        {
            tracing::error!(%error, "rolling back a migration failed");
        }
        let restored = self.control("PRAGMA foreign_keys = ON").and_then(|()| {
            self.connection.busy_timeout(self.busy).map_err(|error| store_error(&error, "migrations.lock"))
        });
        if let Err(error) = restored {
            tracing::error!(%error, "putting the connection in order after a migration failed");
        }
    }
}

/// Empty while a blocking thread has the lock; when the asking future is dropped meanwhile, that thread drops it.
struct Held(Option<Lock>);

impl Held {
    async fn with<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Lock) -> Result<T, DriverError> + Send + 'static,
    ) -> Result<T, DriverError> {
        let lock = self.0.take().ok_or_else(|| DriverError::Fault("the migration was given up".to_owned()))?;
        let (lock, outcome) = blocking(move || {
            let mut lock = lock;
            let outcome = work(&mut lock);
            Ok((lock, outcome))
        })
        .await?;
        self.0 = Some(lock);
        outcome
    }
}

#[async_trait]
impl MigrationLock for Held {
    async fn read(&mut self, query: Query) -> Result<Vec<Row>, DriverError> {
        self.with(move |lock| answer(&lock.connection, &query).map_err(|error| store_error(&error, query.sql))).await
    }

    async fn run(&mut self, script: &str, bookkeeping: Option<Statement>) -> Result<(), DriverError> {
        let script = script.to_owned();
        self.with(move |lock| lock.run(&script, bookkeeping.as_ref())).await
    }

    async fn write(&mut self, sql: &'static str, rows: Vec<Vec<Value>>) -> Result<(), DriverError> {
        self.with(move |lock| {
            let write = |params: &Vec<Value>| bound(&lock.connection, sql, params)?.raw_execute().map(drop);
            rows.iter().try_for_each(write).map_err(|error| store_error(&error, sql))
        })
        .await
    }

    async fn release(mut self: Box<Self>) -> Result<(), DriverError> {
        self.with(|lock| lock.control("COMMIT")).await
    }
}
