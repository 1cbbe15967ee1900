//! Plans of SQLite, which asks no statistics.

use kayan_sql::{Driver, Query, Reading, Value};

use crate::Step;

pub(crate) async fn plan(driver: &dyn Driver, sql: &str, params: &[Value]) -> Vec<Step> {
    let sql = format!("EXPLAIN QUERY PLAN {sql}").leak();
    let rows = driver.read(Query { sql, params: params.to_vec(), reading: Reading::Scan }).await.unwrap();
    let details = rows.into_iter().map(|mut row| {
        for _ in ["id", "parent", "notused"] {
            row.int().unwrap();
        }
        row.text().unwrap()
    });
    details.map(step).collect()
}

fn step(text: String) -> Step {
    // An index that is made for one statement is made of a whole table. What a part of the statement found is no table.
    let whole = text.starts_with("SCAN") && !is_result(&text) || text.contains("AUTOMATIC");
    Step { whole, sorts: text == "USE TEMP B-TREE FOR ORDER BY", text }
}

fn is_result(scan: &str) -> bool {
    [
        "SCAN CONSTANT ROW",
        "SCAN ended",
        "SCAN forgotten",
        "SCAN left_behind",
        "SCAN unused",
        "SCAN dead_anyhow",
        "SCAN kept_enough",
        "SCAN expired",
        "SCAN finished",
        "SCAN newest",
        "SCAN due",
        "SCAN leased",
        "SCAN dead",
    ]
    .contains(&scan)
}
