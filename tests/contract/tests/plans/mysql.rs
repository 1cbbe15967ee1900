//! Plans of MariaDB, which gets its statements with their parameters in them.

use kayan_sql::{Driver, Query, Reading, Row, Value};

use crate::{Step, base::scan};

pub(crate) async fn analyze(driver: &dyn Driver) {
    let tables = "-- test.tables
SELECT GROUP_CONCAT(table_name) FROM information_schema.tables WHERE table_schema = DATABASE()";
    let tables = driver.read(scan(tables)).await.unwrap().pop().unwrap().text().unwrap();
    driver.read(scan(format!("ANALYZE TABLE {tables}").leak())).await.unwrap();
}

pub(crate) async fn plan(driver: &dyn Driver, sql: &str, params: &[Value]) -> Vec<Step> {
    let sql = format!("EXPLAIN {sql}").leak();
    let rows = driver.read(Query { sql, params: params.to_vec(), reading: Reading::Scan }).await.unwrap();
    rows.into_iter().map(step).collect()
}

fn step(mut row: Row) -> Step {
    skip_number(&mut row); // of the SELECT that it belongs to
    let mut text = || row.maybe_text().unwrap().unwrap_or_default();
    let [select, table, access, _possible, key, _length, _compared] = [(); 7].map(|()| text());
    skip_number(&mut row); // of rows, as it is guessed
    let extra = row.maybe_text().unwrap().unwrap_or_default();
    // What a part of the statement found is no table, and an INSERT reads none.
    let reads = select != "INSERT" && !table.starts_with('<');
    let whole = reads && ["ALL", "index"].contains(&access.as_str());
    let sorts = extra.contains("Using filesort");
    Step { text: format!("{select} {table} {access} {key} {extra}"), whole, sorts }
}

/// It may be NULL, or text.
fn skip_number(row: &mut Row) {
    drop(row.int());
}
