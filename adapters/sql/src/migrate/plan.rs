//! Plans migrations: what the pending ones would lock and run.

use std::collections::{BTreeMap, BTreeSet};

use super::{Header, MigrateError, Migration, apply::check_version, bookkeeping::check, foreign, header};
use crate::{Dialect, Driver, DriverError, Query, Reading, Value};

/// A pending migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Its number.
    pub version: u32,
    /// Its name.
    pub name: &'static str,
    /// What it declares.
    pub header: Header,
    /// What it would run.
    pub sql: &'static str,
}

/// All that is pending, and how large the tables are that it locks, reads or writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// By number.
    pub pending: Vec<Planned>,
    /// Rows of each table that is there: counted on SQLite, estimated by the other databases.
    pub rows: BTreeMap<String, i64>,
}

/// What `up` would do, or the error that it would end with. Changes nothing.
pub async fn plan(driver: &dyn Driver, known: &[Migration], to: Option<u32>) -> Result<Plan, MigrateError> {
    let to = check_version(known, to)?;
    let applied = foreign::look(driver, known).await?;
    check(&applied, known)?;
    let pending = known.iter().filter(|it| it.version <= to && !applied.contains_key(&it.version));
    let pending: Vec<Planned> =
        pending.map(|migration| planned(driver.dialect(), migration)).collect::<Result<_, _>>()?;
    let tables: BTreeSet<&str> = pending.iter().flat_map(|it| it.header.tables()).collect();
    let rows = if tables.is_empty() { BTreeMap::new() } else { rows(driver, &tables).await? };
    Ok(Plan { pending, rows })
}

fn planned(dialect: Dialect, migration: &Migration) -> Result<Planned, MigrateError> {
    let (version, name) = (migration.version, migration.name);
    let header = Header::of(dialect, migration.up);
    let header = header.map_err(|why| MigrateError::Header { version, name: name.to_owned(), why })?;
    Ok(Planned { version, name, header, sql: header::body(migration.up).trim_end() })
}

/// How many rows each of these tables has, as far as it is there.
async fn rows(driver: &dyn Driver, tables: &BTreeSet<&str>) -> Result<BTreeMap<String, i64>, DriverError> {
    let query = Query { sql: counts(driver.dialect()), params: vec![Value::json(tables)?], reading: Reading::Scan };
    let found = driver.read(query).await?;
    found.into_iter().map(|mut row| Ok((row.text()?, row.int()?))).collect()
}

/// Counting would read the whole of a large table, and only SQLite has no estimate. There the cells of its pages are
/// counted, because a statement can't be given the name of a table.
fn counts(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "-- tables.sizes
SELECT t.name, COALESCE((SELECT SUM(p.ncell) FROM dbstat p
                         WHERE p.name = t.name AND (p.pagetype = 'leaf' OR (t.wr AND p.pagetype = 'internal'))), 0)
FROM pragma_table_list t
WHERE t.schema = 'main' AND t.type = 'table' AND t.name IN (SELECT value FROM json_each(?))"
        }
        Dialect::Postgres => {
            "-- tables.sizes
SELECT t.relname::text, COALESCE(SUM(GREATEST(p.reltuples, pg_stat_get_live_tuples(p.oid), 0)), 0)::bigint
FROM pg_class t JOIN pg_class p ON p.oid = t.oid OR p.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = t.oid)
WHERE t.relnamespace = current_schema()::regnamespace AND t.relkind IN ('r', 'p')
  AND t.relname IN (SELECT json_array_elements_text(?::json))
GROUP BY t.relname"
        }
        Dialect::MySql => {
            "-- tables.sizes
SELECT table_name, CAST(COALESCE(table_rows, 0) AS SIGNED)
FROM information_schema.tables
WHERE table_schema = DATABASE() AND JSON_CONTAINS(?, JSON_QUOTE(table_name))"
        }
    }
}
