//! `kayan migrate plan`: what `up` would run, what that touches and who waits for it.

use std::collections::BTreeMap;

use kayan_sql::{
    Dialect,
    migrate::{self as migrations, Planned, Touching},
};
use serde_json::{Value, json};

use crate::{args::Format, commands, compose, output, stop::Stop};

/// Says it.
pub(super) async fn run(to: Option<u32>, format: Format) -> Result<(), Stop> {
    let driver = compose::look(&commands::settings()?)?;
    let dialect = driver.dialect();
    let plan = migrations::plan(&*driver, migrations::embedded(dialect), to).await.map_err(super::stop)?;
    match format {
        Format::Json => {
            output::json(&plan.pending.iter().map(|planned| as_json(planned, &plan.rows)).collect::<Vec<_>>())
        }
        Format::Table if plan.pending.is_empty() => output::line("nothing is pending"),
        Format::Table => {
            let scripts: Vec<String> =
                plan.pending.iter().map(|planned| script(planned, dialect, &plan.rows)).collect();
            output::line(&format!("-- {}\n{}", how_long(dialect), scripts.concat().trim_end()))
        }
    }
}

/// How long locks are held.
fn how_long(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "All that is pending is one transaction: a lock is held until its end.",
        Dialect::Postgres => "Each migration is one transaction: a lock is held until the migration's end.",
        Dialect::MySql => "Each statement is a transaction of its own: a lock is held until the statement's end.",
    }
}

/// SQL with what there is to say of it as comments.
fn script(planned: &Planned, dialect: Dialect, rows: &BTreeMap<String, i64>) -> String {
    let statements = planned.statements.iter().map(|Touching { sql, tables, locks }| {
        let mut told: Vec<String> =
            tables.iter().map(|table| format!("table {}", sized(table, dialect, rows))).collect();
        match locks.as_deref() {
            None => told.push("locks unknown".to_owned()),
            Some([]) => told.push("locks nothing".to_owned()),
            Some(locks) => {
                told.extend(locks.iter().map(|lock| format!("locks {}, {}: {}", lock.on, lock.kind, lock.effect)));
            }
        }
        format!("{sql};\n  -- {}\n\n", told.join("\n  -- "))
    });
    format!("\n-- {:04}_{}\n\n{}", planned.version, planned.name, statements.collect::<Vec<_>>().concat())
}

fn sized(table: &str, dialect: Dialect, rows: &BTreeMap<String, i64>) -> String {
    match rows.get(table) {
        None => format!("{table}, not there yet"),
        Some(count) => {
            let about = if dialect == Dialect::Sqlite { "" } else { "about " };
            format!("{table}, {about}{count} {}", if *count == 1 { "row" } else { "rows" })
        }
    }
}

fn as_json(planned: &Planned, rows: &BTreeMap<String, i64>) -> Value {
    let statements = planned.statements.iter().map(|Touching { sql, tables, locks }| {
        let tables: Vec<Value> = tables.iter().map(|table| json!({ "name": table, "rows": rows.get(table) })).collect();
        let locks = locks.as_ref().map_or_else(
            || vec![json!({ "on": "unknown", "kind": "unknown", "effect": "unknown" })],
            |locks| locks.iter().map(|it| json!({ "on": it.on, "kind": it.kind, "effect": it.effect })).collect(),
        );
        json!({ "sql": sql, "tables": tables, "locks": locks })
    });
    json!({
        "version": format!("{:04}", planned.version),
        "name": planned.name,
        "statements": statements.collect::<Vec<_>>(),
    })
}
