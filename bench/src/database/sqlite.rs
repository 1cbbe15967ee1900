//! A database in a file, filled in big transactions.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use indicatif::ProgressBar;
use rusqlite::{Connection, ToSql, types::ToSqlOutput};

use crate::{
    failure::Failure,
    people::{Cell, People, TABLES},
};

/// One of them.
pub(super) struct Database {
    dsn: String,
    file: PathBuf,
}

impl Database {
    /// In the folder in which the service runs.
    pub(super) fn new(home: &Path) -> Self {
        let file = home.join("kayan.db");
        Self { dsn: format!("file:{}", file.display()), file }
    }

    pub(super) fn dsn(&self) -> &str {
        &self.dsn
    }

    pub(super) fn fill(&self, people: &People, numbers: Range<u32>, bar: &ProgressBar) -> Result<(), Failure> {
        self.insert(people, numbers, bar).map_err(Failure::wrong("filling a file"))
    }

    pub(super) fn queue(&self, count: u32) -> Result<(), Failure> {
        let queue = format!(
            "PRAGMA synchronous = OFF;
             INSERT INTO messages (id, tenant_id, kind, channel, recipient, languages, data, state, attempts, due_at, created_at)
             WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
             SELECT printf('%08x-0000-7000-8000-%012x', n, n), 'default', 'recovery', 'mail', 'reader' || n || '@example.com', 'en',
               randomblob(200), 'due', 1, (unixepoch() + 3600) * 1000000 + n, unixepoch() * 1000000
             FROM numbers;
             ANALYZE; PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(TRUNCATE);"
        );
        let queued = Connection::open(&self.file).and_then(|connection| connection.execute_batch(&queue));
        queued.map_err(Failure::wrong("queueing messages"))
    }

    fn insert(&self, people: &People, numbers: Range<u32>, bar: &ProgressBar) -> rusqlite::Result<()> {
        let mut connection = Connection::open(&self.file)?;
        connection
            .execute_batch("PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -200000;")?;
        for chunk in super::chunks(numbers, bar) {
            let transaction = connection.transaction()?;
            for number in chunk {
                for ((table, columns), row) in TABLES.iter().zip(people.rows(number)) {
                    let places = vec!["?"; row.len()].join(", ");
                    let insert = format!("INSERT INTO {table} ({columns}) VALUES ({places})");
                    transaction.prepare_cached(&insert)?.execute(rusqlite::params_from_iter(row))?;
                }
            }
            transaction.commit()?;
        }
        connection.execute_batch("ANALYZE; PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(TRUNCATE);")
    }
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Text(text) => text.to_sql(),
            Self::Id(id) => Ok(id.to_string().into()),
            Self::Hash(bytes) => Ok(bytes.as_slice().into()),
            Self::Time(number) | Self::Number(number) => number.to_sql(),
        }
    }
}
