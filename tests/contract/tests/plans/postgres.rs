//! Plans of PostgreSQL: those for any parameters, which a prepared statement may get from its sixth use on.

use std::collections::BTreeMap;

use kayan_sql::Driver;
use serde_json::Value;

use crate::{Step, base::scan};

/// No table is read as a whole because it is small, and no partition is left out of a plan because of a parameter.
const SETTINGS: &str = "SET plan_cache_mode = force_generic_plan; SET enable_partition_pruning = off;
SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;";

/// Each index, and the column that it is sorted by first.
const INDEXES: &str = "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid, 1, true) FROM pg_index";

pub(crate) async fn analyze(driver: &dyn Driver) {
    let mut lock = driver.lock().await.unwrap();
    lock.run("ANALYZE", None).await.unwrap();
    lock.release().await.unwrap();
}

pub(crate) async fn plan(driver: &dyn Driver, sql: &str, params: usize) -> Vec<Step> {
    let parts = sql.split('?').enumerate();
    let numbered: String =
        parts.map(|(n, part)| if n == 0 { part.to_owned() } else { format!("${n}{part}") }).collect();
    let nothing = if params == 0 { String::new() } else { format!("({})", vec!["NULL"; params].join(", ")) };
    let mut lock = driver.lock().await.unwrap();
    lock.run(&format!("{SETTINGS} PREPARE explained AS {numbered}"), None).await.unwrap();
    let sql = format!("EXPLAIN (FORMAT JSON) EXECUTE explained{nothing}").leak();
    let answer = lock.read(scan(sql)).await.unwrap();
    let document: Value = answer.into_iter().next().unwrap().json().unwrap();
    let indexes = lock.read(scan(INDEXES)).await.unwrap().into_iter();
    let indexes = indexes.map(|mut row| (row.text().unwrap(), row.text().unwrap())).collect();
    lock.run("DEALLOCATE explained; RESET ALL", None).await.unwrap();
    lock.release().await.unwrap();
    let mut steps = Vec::new();
    collect(document.pointer("/0/Plan").unwrap(), &indexes, &mut steps);
    steps
}

fn collect(node: &Value, indexes: &BTreeMap<String, String>, steps: &mut Vec<Step>) {
    let text = |word: &str| node[word].as_str();
    let kind = text("Node Type").unwrap();
    // Without a condition on its first column, an index is read from its beginning to its end. In an empty partition, the
    // planner takes any.
    let starts = |index: &str| {
        let is_part = index.starts_with("audit_events_") && !node["Index Cond"].is_null();
        let mut words = text("Index Cond").unwrap_or_default().split(|c: char| !c.is_alphanumeric() && c != '_');
        is_part || words.any(|word| word == indexes[index])
    };
    let whole = kind == "Seq Scan" || text("Index Name").is_some_and(|index| !starts(index));
    let words = ["Node Type", "Relation Name", "Index Name", "Index Cond", "Filter"];
    let described = words.iter().filter_map(|word| text(word)).collect::<Vec<_>>().join(", ");
    steps.push(Step { text: described, whole, sorts: kind == "Sort" });
    for plan in node["Plans"].as_array().into_iter().flatten() {
        collect(plan, indexes, steps);
    }
}
