//! Checks that a database can be Kayan's: a server that it works with, no other program's tables, and UTF-8.

use std::collections::BTreeMap;

use super::{
    MigrateError, Migration,
    bookkeeping::{Applied, applied_query, decode},
    tables,
};
use crate::{
    Dialect, Driver, DriverError, Query, Reading,
    examine::{Fitness, Version, version},
};

const BOOKKEEPING: &str = "schema_migrations";
/// The columns of the bookkeeping. Other programs have a table of that name with other columns.
const COLUMNS: [&str; 4] = ["version", "name", "checksum", "applied_at"];

/// The applied migrations; none in an empty database. Refuses a database that is not for Kayan.
pub(super) async fn look(driver: &dyn Driver, known: &[Migration]) -> Result<BTreeMap<u32, Applied>, MigrateError> {
    let dialect = driver.dialect();
    let Version { product, wanted, fitness, .. } = version(driver).await?;
    if let Fitness::Unusable(why) = fitness {
        return Err(MigrateError::Unusable { product, why, wanted });
    }
    if dialect == Dialect::Postgres {
        let encoding = names(driver, "-- migrations.encoding\nSELECT current_setting('server_encoding')").await?;
        if let Some(encoding) = encoding.into_iter().find(|encoding| encoding != "UTF8") {
            return Err(MigrateError::Encoding { encoding });
        }
    }
    // Read before the bookkeeping: what another process migrates meanwhile is then in the bookkeeping only.
    let present = names(driver, present_tables(dialect)).await?;
    let (has_bookkeeping, applied) = bookkeeping(driver).await?;
    // MySQL does not roll schema changes back: an interrupted migration may have left tables, and continues with them.
    let may_be_broken_off = dialect == Dialect::MySql && has_bookkeeping;
    // A newer version may have made tables of any name.
    let is_newer = applied.keys().any(|version| known.iter().all(|migration| migration.version != *version));
    if !may_be_broken_off && !is_newer {
        let (applied, pending): (Vec<Migration>, Vec<Migration>) =
            known.iter().partition(|migration| applied.contains_key(&migration.version));
        let (own, made) = (tables(&pending), tables(&applied));
        let is_foreign = |table: &String| own.contains(&table.as_str()) && !made.contains(&table.as_str());
        if let Some(table) = present.into_iter().find(is_foreign) {
            return Err(MigrateError::ForeignTable { table });
        }
    }
    Ok(applied)
}

/// The migrations recorded as applied; none without a bookkeeping.
pub(super) async fn recorded(driver: &dyn Driver) -> Result<BTreeMap<u32, Applied>, MigrateError> {
    Ok(bookkeeping(driver).await?.1)
}

/// Whether there is a bookkeeping, and the migrations recorded in it.
async fn bookkeeping(driver: &dyn Driver) -> Result<(bool, BTreeMap<u32, Applied>), MigrateError> {
    let columns = names(driver, bookkeeping_columns(driver.dialect())).await?;
    if columns.is_empty() {
        return Ok((false, BTreeMap::new()));
    }
    if COLUMNS.iter().any(|own| !columns.iter().any(|column| column == own)) {
        return Err(MigrateError::ForeignTable { table: BOOKKEEPING.to_owned() });
    }
    Ok((true, decode(driver.read(applied_query()).await?)?))
}

async fn names(driver: &dyn Driver, sql: &'static str) -> Result<Vec<String>, DriverError> {
    let rows = driver.read(Query { sql, params: Vec::new(), reading: Reading::Scan }).await?;
    rows.into_iter().map(|mut row| row.text()).collect()
}

fn bookkeeping_columns(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "-- migrations.columns\nSELECT name FROM pragma_table_info('schema_migrations')",
        Dialect::Postgres => {
            "-- migrations.columns
SELECT a.attname::text
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = 'schema_migrations'"
        }
        Dialect::MySql => {
            "-- migrations.columns
SELECT column_name
FROM information_schema.columns
WHERE table_schema = DATABASE() AND table_name = 'schema_migrations'"
        }
    }
}

fn present_tables(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "-- migrations.present
SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY name"
        }
        Dialect::Postgres => {
            "-- migrations.present
SELECT c.relname::text
FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
ORDER BY c.relname"
        }
        Dialect::MySql => {
            "-- migrations.present
SELECT table_name
FROM information_schema.tables
WHERE table_schema = DATABASE()
ORDER BY table_name"
        }
    }
}
