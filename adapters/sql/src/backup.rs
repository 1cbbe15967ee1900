//! Reads a whole database as of one moment, and restores it into an empty one of any kind.

mod tables;

use std::{collections::BTreeSet, ops::ControlFlow};

use kayan_ports::{Change, KeyPurpose, Timestamp};

pub use self::tables::{Kind, LEFT_OUT, TABLES, Table};
use crate::{
    Dialect, Driver, DriverError, MigrationLock, Query, Reading, Row, Value, changes,
    migrate::{self, MigrateError, Migration},
};

/// What a snapshot is made of, in this order.
#[derive(Debug)]
pub enum Part {
    /// The schema's version.
    Version(u32),
    /// Rows of a table, each with its columns. Tables come in their order, those without a row not at all.
    Rows(&'static Table, Vec<Vec<Value>>),
}

/// Hands over everything that the database holds, all as of one moment, as long as `take` goes on; memory does not grow with
/// it. The schema must be up to date.
pub async fn take_out(
    driver: &dyn Driver,
    take: &mut (dyn FnMut(Part) -> ControlFlow<()> + Send),
) -> Result<(), DriverError> {
    let version = "-- backup.version
SELECT MAX(version) FROM schema_migrations";
    let scan = |sql| Query { sql, params: Vec::new(), reading: Reading::Scan };
    let questions = [version].into_iter().chain(TABLES.iter().map(Table::select)).map(scan).collect();
    let mut damaged = Ok(());
    let mut each = |question: usize, rows: Vec<Row>| match part(question, rows) {
        Ok(part) => take(part),
        Err(error) => {
            damaged = Err(error);
            ControlFlow::Break(())
        }
    };
    driver.snapshot(questions, &mut each).await?;
    damaged
}

fn part(question: usize, rows: Vec<Row>) -> Result<Part, DriverError> {
    let Some(table) = question.checked_sub(1).and_then(|at| TABLES.get(at)) else {
        let version = rows.into_iter().next().map(|mut row| row.int()).transpose()?;
        let version = version.and_then(|version| u32::try_from(version).ok());
        return version.map(Part::Version).ok_or_else(|| DriverError::Fault("the schema has no version".to_owned()));
    };
    let within = |error| match error {
        DriverError::Fault(why) => DriverError::Fault(format!("{}: {why}", table.name)),
        other => other,
    };
    let rows: Result<_, _> = rows.into_iter().map(|row| table.values(row)).collect();
    Ok(Part::Rows(table, rows.map_err(within)?))
}

/// The oldest schema of which there are backups.
pub const OLDEST: u32 = 9;

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is something in the database.
    #[error("there are {rows} rows in its table {table} already")]
    NotEmpty {
        /// The table.
        table: &'static str,
        /// How many.
        rows: i64,
    },
    /// The database's schema is newer than what is to be put into it.
    #[error("its schema is at version {database} already, and the backup's is {backup}")]
    Ahead {
        /// The database's version.
        database: u32,
        /// The backup's version.
        backup: u32,
    },
    /// Not all rows arrived.
    #[error("{there} of {sent} rows arrived in its table {table}")]
    Lost {
        /// The table.
        table: &'static str,
        /// How many were sent.
        sent: u64,
        /// How many are there.
        there: i64,
    },
    /// The schema can't be made.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// The database did not take it.
    #[error(transparent)]
    Store(#[from] DriverError),
}

/// A restore in progress, on one connection that holds the migration lock. Dropped before it is finished, it leaves the
/// database empty: not even migrated where schema changes can be taken back.
pub struct Restore {
    lock: Box<dyn MigrationLock>,
    dialect: Dialect,
    known: &'static [Migration],
    version: u32,
    at: Timestamp,
}

impl Restore {
    /// Brings the schema to this version, [`OLDEST`] to the newest known, and makes sure that there is nothing in it but what a
    /// schema comes with, or a service makes when it first starts; that goes.
    pub async fn begin(driver: &dyn Driver, version: u32, at: Timestamp) -> Result<Self, RestoreError> {
        let dialect = driver.dialect();
        let known = migrate::embedded(dialect);
        let applied = migrate::status(driver, known).await?.into_iter().filter(|it| it.applied_at.is_some());
        let applied = applied.map(|status| status.version).max();
        let mut restore = Self { lock: driver.lock().await?, dialect, known, version, at };
        if let Some(database) = applied {
            // Before anything is changed: it may be the wrong database. These tables are in every schema.
            restore.must_be_empty(|table| ["identities", "sessions", "audit_events"].contains(&table.name)).await?;
            if database > version {
                return Err(RestoreError::Ahead { database, backup: version });
            }
        }
        restore.migrate(version).await?;
        // The key may be there and seal nothing yet.
        let made = |table: &Table| ["tenants", "audit_sealing", "data_keys", "signing_keys"].contains(&table.name);
        restore.must_be_empty(|table| !made(table)).await?;
        let others = "-- backup.other_tenants
SELECT COUNT(*) FROM tenants WHERE id <> 'default'";
        match restore.count(others).await? {
            0 => {}
            rows => return Err(RestoreError::NotEmpty { table: "tenants", rows }),
        }
        for table in TABLES.iter().filter(|table| made(table)) {
            let clear = format!("-- backup.clear_{}\nDELETE FROM {}", table.name, table.name).leak();
            restore.lock.write(clear, vec![Vec::new()]).await?;
        }
        Ok(restore)
    }

    async fn migrate(&mut self, version: u32) -> Result<(), MigrateError> {
        migrate::up_locked(&mut *self.lock, self.dialect, self.known, (version, self.at), &mut |_| {}).await.map(drop)
    }

    async fn must_be_empty(&mut self, which: impl Fn(&Table) -> bool) -> Result<(), RestoreError> {
        for table in TABLES.iter().filter(|table| which(table)) {
            match self.rows(table.name).await? {
                0 => {}
                rows => return Err(RestoreError::NotEmpty { table: table.name, rows }),
            }
        }
        Ok(())
    }

    async fn rows(&mut self, table: &'static str) -> Result<i64, DriverError> {
        self.count(format!("-- backup.count_{table}\nSELECT COUNT(*) FROM {table}").leak()).await
    }

    async fn count(&mut self, sql: &'static str) -> Result<i64, DriverError> {
        let rows = self.lock.read(Query { sql, params: Vec::new(), reading: Reading::Scan }).await?;
        rows.into_iter().next().map_or(Ok(0), |mut row| row.int())
    }

    /// Makes room for audit events of these months, where they have a place of their own each: that a whole month can be
    /// dropped later is what it is for.
    pub async fn make_months(&mut self, months: &BTreeSet<(i32, u8)>) -> Result<(), DriverError> {
        if self.dialect != Dialect::Postgres {
            return Ok(());
        }
        for (year, month) in months {
            let (next_year, next) = if *month == 12 { (year + 1, 1) } else { (*year, month + 1) };
            let script = format!(
                "-- backup.make_month
                 CREATE TABLE IF NOT EXISTS audit_events_{year:04}_{month:02} PARTITION OF audit_events
                 FOR VALUES FROM ('{year:04}-{month:02}-01 00:00:00+00') TO ('{next_year:04}-{next:02}-01 00:00:00+00')"
            );
            self.lock.run(&script, None).await?;
        }
        Ok(())
    }

    /// What takes rows with these columns of a table.
    pub fn loading(table: &'static str, columns: &[(&'static str, Kind)]) -> Loading {
        Loading { table, sql: tables::insert(table, columns), sent: 0 }
    }

    /// Adds rows.
    pub async fn load(&mut self, into: &mut Loading, rows: Vec<Vec<Value>>) -> Result<(), DriverError> {
        into.sent += rows.len() as u64;
        self.lock.write(into.sql, rows).await
    }

    /// Makes sure that everything has arrived.
    pub async fn check(&mut self, loaded: &Loading) -> Result<(), RestoreError> {
        let there = self.rows(loaded.table).await?;
        let Loading { table, sent, .. } = *loaded;
        if u64::try_from(there) == Ok(sent) { Ok(()) } else { Err(RestoreError::Lost { table, sent, there }) }
    }

    /// Removes the key that admin tokens are signed with: the next one is signed with a new key, and those of the old one
    /// are dead, whether or not their revocation is in the backup.
    pub async fn end_admin_tokens(&mut self) -> Result<(), DriverError> {
        let sql = "-- backup.end_admin_tokens
DELETE FROM signing_keys
WHERE purpose = ?";
        self.lock.write(sql, vec![vec![KeyPurpose::AdminToken.as_str().into()]]).await
    }

    /// Removes the issuer keys: one that was retired since the backup, because it had leaked, must not sign again. New ones are
    /// made when they are needed.
    pub async fn end_issuer_keys(&mut self) -> Result<(), DriverError> {
        let sql = "-- backup.end_issuer_keys
DELETE FROM issuer_keys";
        self.lock.write(sql, vec![Vec::new()]).await
    }

    /// Makes these changes, too, and all of it durable; then brings the schema up to date.
    pub async fn finish(mut self, also: Vec<Change>) -> Result<(), RestoreError> {
        for (sql, params) in changes::statements(self.dialect, also)? {
            self.lock.write(sql, vec![params]).await?;
        }
        // Looks for rows that refer to rows that are not there, where this is not done with each of them.
        self.lock.run("", None).await?;
        if self.version < migrate::newest() {
            self.migrate(migrate::newest()).await?;
        }
        Ok(self.lock.release().await?)
    }
}

/// A table that is being filled.
#[derive(Debug)]
pub struct Loading {
    table: &'static str,
    sql: &'static str,
    sent: u64,
}
