//! Plans of PostgreSQL: those for any parameters, which a prepared statement may get from its sixth use on.

use kayan_sql::{Driver, Query, Reading};
use serde_json::Value;

use crate::Step;

/// No table is read as a whole because it is small, and no partition is left out of a plan because of a parameter.
const SETTINGS: &str = "SET plan_cache_mode = force_generic_plan; SET enable_partition_pruning = off;
SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;";

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
    let answer = lock.read(Query { sql, params: Vec::new(), reading: Reading::Scan }).await.unwrap();
    let document: Value = answer.into_iter().next().unwrap().json().unwrap();
    lock.run("DEALLOCATE explained; RESET ALL", None).await.unwrap();
    lock.release().await.unwrap();
    let mut steps = Vec::new();
    collect(document.pointer("/0/Plan").unwrap(), &mut steps);
    steps
}

fn collect(node: &Value, steps: &mut Vec<Step>) {
    let kind = node["Node Type"].as_str().unwrap();
    let by_index = ["Index Scan", "Index Only Scan", "Bitmap Index Scan"].contains(&kind);
    let words = ["Node Type", "Relation Name", "Index Name", "Index Cond", "Filter"];
    let text = words.iter().filter_map(|word| node[word].as_str()).collect::<Vec<_>>().join(", ");
    let whole = kind == "Seq Scan" || by_index && node["Index Cond"].is_null();
    steps.push(Step { text, whole, sorts: kind == "Sort" });
    for plan in node["Plans"].as_array().into_iter().flatten() {
        collect(plan, steps);
    }
}
