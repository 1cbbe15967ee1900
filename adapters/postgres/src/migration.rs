//! The migration lock, which PostgreSQL releases when its transaction ends in any way.

use std::time::Duration;

use async_trait::async_trait;
use kayan_sql::{DriverError, MigrationLock, Query, Row, Statement, Value};
use tokio::time::{Instant, timeout};
use tokio_postgres::{Error, error::SqlState};

use crate::{
    errors::{read_only, store_error},
    pool::{Connections, Lease},
    session::{Mode, Shared},
};

/// How long one process waits for another's migrations.
const PATIENCE: Duration = Duration::from_mins(1);
/// What the network may add.
const GRACE: Duration = Duration::from_secs(5);
/// The lock's number is the same in every version: `kayan` in ASCII.
const BEGIN: &str = "-- migrations.lock
BEGIN;
SET LOCAL lock_timeout = '1min';
SELECT pg_advisory_xact_lock(461196845422);
SET LOCAL lock_timeout = '10s'";

/// Takes the lock and keeps it in one transaction; each migration is a savepoint in it. A lock of the transaction rather
/// than of the session also works behind PgBouncer.
pub(crate) async fn lock(connections: &Connections, patience: Duration) -> Result<Box<dyn MigrationLock>, DriverError> {
    let mut lease = connections.lease(Instant::now() + patience).await?;
    lease.keep_to_oneself();
    let begun = timeout(PATIENCE + GRACE, lease.client()?.batch_execute(BEGIN)).await;
    begun.map_err(|_| DriverError::Unavailable("the database does not answer".to_owned()))?.map_err(
        |error| match error.code() {
            Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                DriverError::Unavailable("another process has been migrating for a minute".to_owned())
            }
            _ => store_error(&error, BEGIN),
        },
    )?;
    Ok(Box::new(Lock { lease, shared: Shared::new(Mode::Unnamed) }))
}

/// Dropping it closes the connection, which rolls back what was not committed.
struct Lock {
    lease: Lease,
    shared: Shared,
}

impl Lock {
    async fn script(&self, script: &str, bookkeeping: Option<Statement>) -> Result<(), DriverError> {
        let failed = |error: Error| match said(&error) {
            Some(what) => DriverError::Fault(what),
            None => store_error(&error, "-- migrations.script"),
        };
        self.lease.client()?.batch_execute(script).await.map_err(failed)?;
        // Gone if the script ended the transaction: then nothing may be recorded as applied.
        self.control("-- migrations.intact\nRELEASE SAVEPOINT script").await?;
        if let Some(Statement { sql, params, .. }) = bookkeeping {
            let query = Query { sql, params, reading: kayan_sql::Reading::Point };
            self.shared.read(self.lease.client()?, &query).await?;
        }
        Ok(())
    }

    async fn control(&self, sql: &str) -> Result<(), DriverError> {
        self.lease.client()?.batch_execute(sql).await.map_err(|error| match error.code() {
            Some(&SqlState::S_E_INVALID_SPECIFICATION | &SqlState::NO_ACTIVE_SQL_TRANSACTION) => DriverError::Fault(
                "the script runs in a transaction; take BEGIN, COMMIT, ROLLBACK and SAVEPOINT out of it".to_owned(),
            ),
            _ => store_error(&error, sql),
        })
    }
}

/// The database's whole message: migrations are the program's own and hold no secret.
fn said(error: &Error) -> Option<String> {
    let said = error.as_db_error()?;
    let code = said.code();
    let passes = ["08", "57"].contains(&code.code().get(..2)?) || read_only(error);
    (!passes).then(|| format!("{}: {}", code.code(), said.message()))
}

#[async_trait]
impl MigrationLock for Lock {
    async fn read(&mut self, query: Query) -> Result<Vec<Row>, DriverError> {
        self.shared.read(self.lease.client()?, &query).await
    }

    async fn run(&mut self, script: &str, bookkeeping: Option<Statement>) -> Result<(), DriverError> {
        self.control("-- migrations.begin\nSAVEPOINT migration; SAVEPOINT script").await?;
        let outcome = self.script(script, bookkeeping).await;
        if outcome.is_err() {
            self.control("-- migrations.undo\nROLLBACK TO SAVEPOINT migration").await?;
        }
        self.control("-- migrations.end\nRELEASE SAVEPOINT migration").await?;
        outcome
    }

    async fn write(&mut self, sql: &'static str, rows: Vec<Vec<Value>>) -> Result<(), DriverError> {
        self.shared.write(self.lease.client()?, sql, &rows).await
    }

    async fn release(mut self: Box<Self>) -> Result<(), DriverError> {
        self.control("-- migrations.commit\nCOMMIT").await?;
        self.lease.settle();
        Ok(())
    }
}
