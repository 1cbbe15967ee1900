//! Restores a backup: verified as a whole first, then loaded into an empty database, in one transaction.

use std::{collections::BTreeSet, io::BufRead};

use kayan_ports::Timestamp;
use kayan_sql::{
    Driver, DriverError, Value,
    backup::{Kind, Loading, OLDEST, Restore, RestoreError, TABLES, Table},
    migrate,
};
use secrecy::SecretSlice;

use crate::{
    format::{Contents, ReadError, TableHead},
    read::{Item, Reader, read_all},
};

/// Columns of a table, and the kind of each.
type Columns = Vec<(&'static str, Kind)>;

/// Why a backup was not loaded; nothing of it is in the database then.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file can't be read, or is no longer what was verified.
    #[error(transparent)]
    File(#[from] ReadError),
    /// The database did not take it.
    #[error(transparent)]
    Database(#[from] RestoreError),
}

impl From<DriverError> for LoadError {
    fn from(error: DriverError) -> Self {
        Self::Database(error.into())
    }
}

/// A backup that was read to its end and that this program can restore.
#[derive(Debug)]
pub struct Verified<'s> {
    /// What it holds.
    pub contents: Contents,
    secret: Option<&'s SecretSlice<u8>>,
    /// The years and months of its audit events.
    months: BTreeSet<(i32, u8)>,
}

/// Reads a backup to its end; also makes sure that this program knows its schema, tables and columns.
pub fn verify_for_restore(input: impl BufRead, secret: Option<&SecretSlice<u8>>) -> Result<Verified<'_>, ReadError> {
    let reader = Reader::begin(input, secret)?;
    let (version, newest) = (reader.header().schema_version, migrate::newest());
    if !(OLDEST..=newest).contains(&version) {
        let kayan = reader.header().kayan.clone();
        return Err(ReadError::Schema { version, oldest: OLDEST, newest, kayan });
    }
    let (mut months, mut created_at) = (BTreeSet::new(), None);
    let look = |item: &Item| {
        match item {
            Item::Table(head) => {
                let (table, columns) = known(head)?;
                created_at = columns.iter().position(|(name, _)| (table, *name) == ("audit_events", "created_at"));
            }
            Item::Rows(rows) => {
                let moments = rows.iter().filter_map(|row| row.get(created_at?));
                months.extend(moments.filter_map(|value| match value {
                    Value::Time(at) => Some((at.year(), u8::from(at.month()))),
                    _ => None,
                }));
            }
            Item::End(_) => {}
        }
        Ok(())
    };
    let contents = read_all(reader, look)?;
    Ok(Verified { contents, secret, months })
}

impl Verified<'_> {
    /// Reads the same file again, from its start, and loads it into an empty database. What is returned has to be finished;
    /// dropped before that, it leaves the database empty.
    pub async fn load(&self, input: impl BufRead, driver: &dyn Driver, now: Timestamp) -> Result<Restore, LoadError> {
        let mut restore = Restore::begin(driver, self.contents.header.schema_version, now).await?;
        restore.make_months(&self.months).await?;
        let mut reader = Reader::begin(input, self.secret)?;
        let mut into: Option<Loading> = None;
        loop {
            match reader.next()? {
                Item::Table(head) => {
                    if let Some(full) = into.take() {
                        restore.check(&full).await?;
                    }
                    let (table, columns) = known(&head)?;
                    into = Some(Restore::loading(table, &columns));
                }
                Item::Rows(rows) => {
                    let into = into.as_mut().ok_or(ReadError::UnknownTable)?;
                    restore.load(into, rows).await?;
                }
                Item::End(summary) if summary == self.contents.summary => break,
                Item::End(_) => return Err(ReadError::ChangedMeanwhile.into()),
            }
        }
        if let Some(full) = into {
            restore.check(&full).await?;
        }
        Ok(restore)
    }
}

/// The table and the columns that the file names, as this program has them.
fn known(head: &TableHead) -> Result<(&'static str, Columns), ReadError> {
    let find = || {
        let table: &Table = TABLES.iter().find(|table| table.name == head.table)?;
        let column = |(name, kind): &(String, String)| {
            table.columns.iter().find(|(known, of)| known == name && of.as_str() == kind).copied()
        };
        Some((table.name, head.columns.iter().map(column).collect::<Option<Vec<_>>>()?))
    };
    find().ok_or(ReadError::UnknownTable)
}
