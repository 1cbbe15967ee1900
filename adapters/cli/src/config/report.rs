//! Every setting with its value, source and problem, for `kayan config check`.

use serde::Serialize;

use super::problem::Problem;
use super::setting::Fallback;
use super::table;
use super::values::{Entry, Values};

/// One setting as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Row {
    /// The setting's name.
    pub(crate) setting: String,
    /// Its value without secrets; empty when there is none.
    pub(crate) value: String,
    /// Where the value comes from.
    pub(crate) source: String,
    /// What is wrong and what to do, or empty.
    pub(crate) problem: String,
}

/// A row for every setting, and one for each problem of something that is none.
pub(crate) fn rows(values: &Values, problems: &[Problem]) -> Vec<Row> {
    let told = |setting: &str| -> String {
        let texts: Vec<String> = problems
            .iter()
            .filter(|problem| problem.setting == setting)
            .map(|problem| format!("{}; {}", problem.what, problem.mend))
            .collect();
        texts.join(". ")
    };
    let known = values.entries.iter().map(|entry| Row {
        setting: entry.name.clone(),
        value: entry.shown().or_else(|| derived(entry)).unwrap_or_default(),
        source: entry.source.to_string(),
        problem: told(&entry.name),
    });
    let mut rows: Vec<Row> = known.collect();
    for problem in problems {
        if !rows.iter().any(|row| row.setting == problem.setting) {
            let setting = problem.setting.clone();
            let problem = told(&setting);
            rows.push(Row { setting, value: String::new(), source: String::new(), problem });
        }
    }
    rows
}

/// In words, what a missing value is worked out from.
fn derived(entry: &Entry) -> Option<String> {
    match table::find(&entry.name)?.fallback {
        Fallback::Derived(how) if !entry.kind.is_secret() => Some(format!("({how})")),
        _ => None,
    }
}
