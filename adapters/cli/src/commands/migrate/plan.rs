//! `kayan migrate plan`: what `up` would run and lock, which requests wait, and how long it takes.

use std::collections::BTreeMap;

use kayan_sql::{
    Dialect,
    migrate::{self as migrations, Planned},
};
use serde_json::{Value, json};

use crate::{args::Format, commands, compose, exit::Exit, output};

/// Prints the plan.
pub(super) async fn run(to: Option<u32>, format: Format) -> Result<(), Exit> {
    let driver = compose::look(&commands::settings()?)?;
    let dialect = driver.dialect();
    let plan = migrations::plan(&*driver, migrations::embedded(dialect), to).await.map_err(super::exit)?;
    match format {
        Format::Json => {
            output::json(&plan.pending.iter().map(|planned| as_json(planned, &plan.rows)).collect::<Vec<_>>())
        }
        Format::Table if plan.pending.is_empty() => output::line("nothing is pending"),
        Format::Table => {
            let scripts: Vec<String> =
                plan.pending.iter().map(|planned| script(planned, dialect, &plan.rows)).collect();
            output::line(&format!("-- {}\n-- {}\n\n{}", how_long(dialect), GROWS, scripts.join("\n\n")))
        }
    }
}

const GROWS: &str = "The time for tables that are read or written grows with their rows; everything else is fast.";

/// How long locks are held.
fn how_long(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite | Dialect::Postgres => {
            "All pending migrations run in one transaction: locks are held until its end."
        }
        Dialect::MySql => "Each statement is a transaction of its own: locks are held until the end of the statement.",
    }
}

/// The SQL of a migration, under comments with what it locks, reads, writes and creates.
fn script(planned: &Planned, dialect: Dialect, rows: &BTreeMap<String, i64>) -> String {
    let header = &planned.header;
    let mut told = vec![format!("{:04}_{}", planned.version, planned.name)];
    if header.locks.is_empty() {
        told.push("locks no existing table".to_owned());
    }
    told.extend(header.locks.iter().map(|lock| {
        let on = if dialect == Dialect::Sqlite { lock.on.to_owned() } else { sized(lock.on, dialect, rows) };
        format!("locks {on}: {}, {}", lock.kind, lock.effect)
    }));
    told.extend(header.reads.iter().map(|table| format!("reads {}", sized(table, dialect, rows))));
    told.extend(header.writes.iter().map(|table| format!("writes {}", sized(table, dialect, rows))));
    told.extend(header.makes.iter().map(|table| format!("creates {table}")));
    format!("-- {}\n\n{}", told.join("\n-- "), planned.sql)
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
    let header = &planned.header;
    let sized = |tables: &[&str]| -> Vec<Value> {
        tables.iter().map(|table| json!({ "name": table, "rows": rows.get(*table) })).collect()
    };
    let locks = header.locks.iter();
    let locks =
        locks.map(|lock| json!({ "on": lock.on, "rows": rows.get(lock.on), "kind": lock.kind, "effect": lock.effect }));
    json!({
        "version": format!("{:04}", planned.version),
        "name": planned.name,
        "locks": locks.collect::<Vec<_>>(),
        "reads": sized(&header.reads),
        "writes": sized(&header.writes),
        "makes": header.makes,
        "sql": planned.sql,
    })
}
