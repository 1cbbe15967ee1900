//! What a migration does on SQLite, where every writer waits for the whole file.

use std::{collections::BTreeMap, time::Duration};

use kayan_sql::DriverError;
use kayan_sql::{ApplyError, Driver as _, Expect, Row, Statement};
use kayan_sqlite::{Settings, SqliteDriver};

use crate::{
    Observed,
    base::{Base, scan},
};

const FILE: &str = "SELECT file FROM pragma_database_list WHERE name = 'main'";
/// Tables and indexes, each with its table.
const SCHEMA: &str =
    "SELECT name, tbl_name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' AND name <> 'schema_migrations'";

/// Runs a script, tries to write meanwhile, and looks which indexes are new.
pub(crate) async fn observe(base: &Base, script: &str) -> Observed {
    let file = base.driver.read(scan(FILE)).await.unwrap().pop().unwrap().text().unwrap();
    let settings = Settings { busy: Duration::from_millis(10), ..Settings::default() };
    let other = SqliteDriver::open(&format!("file:{file}?mode=rw"), settings).unwrap();
    let before = pairs(base.driver.read(scan(SCHEMA)).await);
    let is_table = |(name, table): &(&String, &String)| name == table;
    let tables: Vec<&String> = before.iter().filter(is_table).map(|(name, _)| name).collect();

    let mut lock = base.driver.lock().await.unwrap();
    lock.run(script, None).await.unwrap();
    let sql = "DELETE FROM schema_migrations WHERE version < 0";
    let write = other.apply(vec![Statement { sql, params: Vec::new(), expect: Expect::Any }]).await;
    let after = pairs(lock.read(scan(SCHEMA)).await);
    lock.release().await.unwrap();

    let mut observed = Observed::default();
    if matches!(write, Err(ApplyError::Unavailable(_))) {
        observed.locks.insert(("database".to_owned(), "RESERVED".to_owned()));
    }
    for (name, table) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
        if name == table {
            observed.makes.insert(name.clone());
        } else if tables.contains(&table) {
            observed.reads.insert(table.clone());
        }
    }
    observed.before = tables.into_iter().cloned().collect();
    observed
}

fn pairs(rows: Result<Vec<Row>, DriverError>) -> BTreeMap<String, String> {
    rows.unwrap().into_iter().map(|mut row| (row.text().unwrap(), row.text().unwrap())).collect()
}
