//! `kayan migrate plan`: what `up` would lock and run, who waits for it, and what its time grows with.

use std::collections::BTreeMap;

use kayan_sql::{
    Dialect,
    migrate::{self as migrations, Planned},
};
use serde_json::{Value, json};

use crate::{args::Format, commands, compose, exit::Exit, output};

/// Says it.
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

const GROWS: &str = "Tables that are read or written take longer the more rows they have; all else is brief.";

/// How long locks are held.
fn how_long(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite | Dialect::Postgres => "All that is pending is one transaction: a lock is held until its end.",
        Dialect::MySql => "Each statement is a transaction of its own: a lock is held until the statement's end.",
    }
}

/// SQL with what it locks, reads, writes and makes as comments above it.
fn script(planned: &Planned, dialect: Dialect, rows: &BTreeMap<String, i64>) -> String {
    let header = &planned.header;
    let mut told = vec![format!("{:04}_{}", planned.version, planned.name)];
    if header.locks.is_empty() {
        told.push("locks nothing that is there".to_owned());
    }
    told.extend(header.locks.iter().map(|lock| {
        let on = if dialect == Dialect::Sqlite { lock.on.to_owned() } else { sized(lock.on, dialect, rows) };
        format!("locks {on}: {}, {}", lock.kind, lock.effect)
    }));
    told.extend(header.reads.iter().map(|table| format!("reads {}", sized(table, dialect, rows))));
    told.extend(header.writes.iter().map(|table| format!("writes {}", sized(table, dialect, rows))));
    told.extend(header.makes.iter().map(|table| format!("makes {table}")));
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
