//! A new database of one of the three kinds: what tells the service of it, and the quickest way to fill it.

mod mysql;
mod postgres;
mod sqlite;

use std::{ops::Range, path::Path};

use indicatif::ProgressBar;
use rand::{Rng as _, rand_core::UnwrapErr, rngs::SysRng};

use crate::{
    failure::Failure,
    people::{Cell, People, TABLES},
    plan::{self, Plan},
};

/// How many people are written at a time.
const CHUNK: u32 = 10_000;

/// Which program keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file.
    Sqlite,
    /// A `PostgreSQL` server.
    Postgres,
    /// A `MariaDB` server.
    Mysql,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Sqlite, Self::Postgres, Self::Mysql];
}

/// A database that nothing else uses.
pub(crate) struct Database(Kept);

enum Kept {
    Sqlite(sqlite::Database),
    Postgres(postgres::Database),
    Mysql(mysql::Database),
}

impl Database {
    /// Makes an empty one; of `SQLite` in the folder `home`, else on the server that the plan names.
    pub(crate) async fn create(plan: &Plan, kind: Kind, home: &Path) -> Result<Self, Failure> {
        Ok(Self(match kind {
            Kind::Sqlite => Kept::Sqlite(sqlite::Database::new(home)),
            Kind::Postgres => Kept::Postgres(postgres::Database::create(plan.postgres()?).await?),
            Kind::Mysql => Kept::Mysql(mysql::Database::create(plan.mysql()?).await?),
        }))
    }

    /// Removes it, unless it goes away with its folder.
    pub(crate) async fn remove(self) -> Result<(), Failure> {
        match self.0 {
            Kept::Sqlite(_) => Ok(()),
            Kept::Postgres(it) => it.remove().await,
            Kept::Mysql(it) => it.remove().await,
        }
    }

    /// The service's settings that name it.
    pub(crate) fn settings(&self) -> [(&'static str, &str); 2] {
        let kind = match &self.0 {
            Kept::Sqlite(_) => "sqlite",
            Kept::Postgres(_) => "postgres",
            Kept::Mysql(_) => "mysql",
        };
        [("KAYAN_DB_TYPE", kind), ("KAYAN_DB_DSN", self.dsn())]
    }

    /// Where it is, as the service wants to be told.
    pub(crate) fn dsn(&self) -> &str {
        match &self.0 {
            Kept::Sqlite(it) => it.dsn(),
            Kept::Postgres(it) => it.dsn(),
            Kept::Mysql(it) => it.dsn(),
        }
    }

    /// What keeps it, and whether what is committed is on the disk.
    pub(crate) async fn description(&mut self) -> Result<String, Failure> {
        match &mut self.0 {
            Kept::Sqlite(_) => Ok(format!("SQLite {}", rusqlite::version())),
            Kept::Postgres(it) => it.description().await,
            Kept::Mysql(it) => it.description().await,
        }
    }

    /// Puts these people in; it must have the service's tables.
    pub(crate) async fn fill(&mut self, people: &People, numbers: Range<u32>) -> Result<(), Failure> {
        let what = match &self.0 {
            Kept::Sqlite(_) => "people, SQLite",
            Kept::Postgres(_) => "people, PostgreSQL",
            Kept::Mysql(_) => "people, MariaDB",
        };
        let bar = plan::progress(what, numbers.end - numbers.start);
        match &mut self.0 {
            Kept::Sqlite(it) => it.fill(people, numbers, &bar)?,
            Kept::Postgres(it) => it.fill(people, numbers, &bar).await?,
            Kept::Mysql(it) => it.fill(people, numbers, &bar).await?,
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// Puts this many messages in that are to be tried again in an hour; none of them can be rendered.
    pub(crate) async fn queue(&mut self, count: u32) -> Result<(), Failure> {
        match &mut self.0 {
            Kept::Sqlite(it) => it.queue(count),
            Kept::Postgres(it) => it.queue(count).await,
            Kept::Mysql(it) => it.queue(count).await,
        }
    }
}

/// A name that nothing else has.
fn new_name() -> String {
    let mut random = [0; 8];
    UnwrapErr(SysRng).fill_bytes(&mut random);
    format!("kayan_bench_{:016x}", u64::from_be_bytes(random))
}

/// People by the chunk.
fn chunks(numbers: Range<u32>, bar: &ProgressBar) -> impl Iterator<Item = Range<u32>> {
    let end = numbers.end;
    numbers.step_by(CHUNK as usize).map(move |from| {
        bar.set_position(u64::from(from));
        from..end.min(from.saturating_add(CHUNK))
    })
}

/// Their rows, table by table, as lines of cells between tabulators; `before` stands before the digits of bytes.
fn lines(people: &People, numbers: Range<u32>, before: &str) -> [String; TABLES.len()] {
    let mut all = [const { String::new() }; TABLES.len()];
    for number in numbers {
        for (lines, row) in all.iter_mut().zip(people.rows(number)) {
            for (place, cell) in row.iter().enumerate() {
                lines.push_str(if place == 0 { "" } else { "\t" });
                write(lines, cell, before);
            }
            lines.push('\n');
        }
    }
    all
}

fn write(lines: &mut String, cell: &Cell, before: &str) {
    match cell {
        Cell::Text(text) => lines.push_str(text),
        Cell::Id(id) => lines.push_str(id.hyphenated().encode_lower(&mut [0; 36])),
        Cell::Number(number) => lines.push_str(&number.to_string()),
        Cell::Time(microseconds) => lines.push_str(&moment(*microseconds)),
        Cell::Hash(bytes) => {
            lines.push_str(before);
            for byte in bytes {
                let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
                lines.extend([digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
}

/// As in 2026-11-24 02:37:58.123456, UTC.
fn moment(microseconds: i64) -> String {
    let format =
        time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:6]");
    let moment = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(microseconds) * 1000);
    moment.ok().and_then(|moment| moment.format(format).ok()).unwrap_or_default()
}
