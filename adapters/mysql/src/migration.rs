//! The migration lock: a named lock, which the server releases when the connection ends.

use async_trait::async_trait;
use kayan_sql::{DriverError, Expect, MigrationLock, Query, Row, Statement, Value, signature};
use mysql_async::{Conn, prelude::Queryable as _};

use crate::{dial::Dialer, errors::store_error, literals::written, pool::Connection, rows};

/// Names are at most 64 characters, and hold for the whole server: hence the database's name, digested (MySQL has no MD5
/// since 9.6). The time is how many seconds one process waits for another one's migrations.
const TAKE: &str = "-- migrations.lock
SELECT GET_LOCK(CONCAT('kayan.', SHA2(DATABASE(), 224)), 60)";

const RELEASE: &str = "-- migrations.unlock
SELECT RELEASE_LOCK(CONCAT('kayan.', SHA2(DATABASE(), 224)))";

/// Takes the lock, on a connection of its own beside the pool.
pub(crate) async fn lock(dialer: &Dialer) -> Result<Box<dyn MigrationLock>, DriverError> {
    let mut held = Held { connection: Connection::new(dialer.dial_to_migrate().await?), writing: false };
    let taken: Option<Option<i64>> =
        held.connection()?.query_first(TAKE).await.map_err(|error| store_error(&error, TAKE))?;
    match taken.flatten() {
        Some(1) => Ok(Box::new(held)),
        _ => Err(DriverError::Unavailable("another process has been migrating for a minute".to_owned())),
    }
}

struct Held {
    connection: Connection,
    /// Whether a transaction is open.
    writing: bool,
}

/// The size of a message, up to one row more; servers accept 16 MiB by default.
const AT_ONCE: usize = 1 << 20;

impl Held {
    fn connection(&mut self) -> Result<&mut Conn, DriverError> {
        self.connection.get().ok_or_else(crate::errors::lost)
    }

    async fn control(&mut self, sql: &'static str) -> Result<(), DriverError> {
        self.send(sql, sql).await
    }

    /// `sql` only lends its signature.
    async fn send(&mut self, text: &str, sql: &'static str) -> Result<(), DriverError> {
        self.connection()?.query_drop(text).await.map_err(|error| store_error(&error, sql))
    }
}

#[async_trait]
impl MigrationLock for Held {
    async fn read(&mut self, query: Query) -> Result<Vec<Row>, DriverError> {
        let sql = written(query.sql, &query.params)?;
        let rows: Vec<mysql_async::Row> =
            self.connection()?.query(sql).await.map_err(|error| store_error(&error, query.sql))?;
        rows.into_iter().map(rows::decode).collect()
    }

    /// MySQL commits each change of the schema by itself, so what a failed script has done stays. The scripts are made to
    /// be run again, and say `IF NOT EXISTS`; the error says so.
    async fn run(&mut self, script: &str, bookkeeping: Option<Statement>) -> Result<(), DriverError> {
        let connection = self.connection()?;
        let script = without_tail(script);
        if !script.is_empty() {
            let ran = connection.query_drop(script).await;
            ran.map_err(|error| halfway(store_error(&error, "migrations.script")))?;
        }
        let Some(statement) = bookkeeping else { return Ok(()) };
        connection
            .query_drop(written(statement.sql, &statement.params)?)
            .await
            .map_err(|error| halfway(store_error(&error, statement.sql)))?;
        let matched = connection.affected_rows();
        if statement.expect == Expect::One && matched != 1 {
            let why = format!("{}: it matched {matched} rows, not one", signature(statement.sql));
            return Err(DriverError::Fault(why));
        }
        Ok(())
    }

    async fn write(&mut self, sql: &'static str, rows: Vec<Vec<Value>>) -> Result<(), DriverError> {
        if !self.writing {
            self.control("-- migrations.begin\nSTART TRANSACTION").await?;
            self.writing = true;
        }
        let mut text = String::new();
        for params in rows {
            let written = written(sql, &params)?;
            if text.len() + written.len() > AT_ONCE && !text.is_empty() {
                self.send(&text, sql).await?;
                text.clear();
            }
            text.push_str(if text.is_empty() { "" } else { ";\n" });
            text.push_str(&written);
        }
        if text.is_empty() { Ok(()) } else { self.send(&text, sql).await }
    }

    async fn release(mut self: Box<Self>) -> Result<(), DriverError> {
        if self.writing {
            self.control("-- migrations.commit\nCOMMIT").await?;
        }
        self.control(RELEASE).await
    }
}

/// A script without what is no statement at its end, for which the server would say that it is empty; nothing is left of
/// one that holds only comments, as that of a step that another database needs.
fn without_tail(script: &str) -> &str {
    let mut rest = script;
    loop {
        rest = rest.trim_end_matches(|c: char| c.is_whitespace() || c == ';');
        let line = rest.rfind('\n').map_or(0, |at| at + 1);
        match rest.split_at_checked(line) {
            Some((before, last)) if last.trim_start().starts_with("--") => rest = before,
            _ => return rest,
        }
    }
}

fn halfway(error: DriverError) -> DriverError {
    match error {
        DriverError::Fault(why) => DriverError::Fault(format!(
            "{why}; what stands before that in the script is done and stays, for this database commits every change of its \
             schema by itself: fix the cause and run the same command again"
        )),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_ends_with_its_last_statement() {
        for (script, rest) in [
            ("", ""),
            ("-- nothing to do\n", ""),
            ("-- a\nDROP TABLE x;\n", "-- a\nDROP TABLE x"),
            ("DROP TABLE x;\n\n  -- and that is it;\n-- really\n", "DROP TABLE x"),
            ("DROP TABLE x -- gone", "DROP TABLE x -- gone"),
        ] {
            assert_eq!(without_tail(script), rest, "{script:?}");
        }
    }
}
