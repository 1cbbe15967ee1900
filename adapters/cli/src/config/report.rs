//! Every setting with its value, source and problem, for `kayan config check`.

use serde::Serialize;

use super::mask::Mask;
use super::problem::Problem;
use super::setting::DefaultValue;
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

/// A row for every setting, and one for each other source of problems, such as `.env`.
pub(crate) fn rows(values: &Values, problems: &[Problem]) -> Vec<Row> {
    let summary = |setting: &str| -> String {
        let texts: Vec<String> = problems
            .iter()
            .filter(|problem| problem.setting == setting)
            .map(|problem| format!("{}; {}", problem.what, problem.hint))
            .collect();
        texts.join(". ")
    };
    let known = values.entries.iter().map(|entry| Row {
        setting: entry.name.clone(),
        value: entry.shown().or_else(|| computed(entry)).unwrap_or_default(),
        source: entry.source.to_string(),
        problem: summary(&entry.name),
    });
    let mut rows: Vec<Row> = known.collect();
    for problem in problems {
        if !rows.iter().any(|row| row.setting == problem.setting) {
            let setting = problem.setting.clone();
            let problem = summary(&setting);
            rows.push(Row { setting, value: String::new(), source: String::new(), problem });
        }
    }
    rows
}

/// What a missing value is computed from.
fn computed(entry: &Entry) -> Option<String> {
    let spec = entry.setting.spec();
    match spec.default {
        DefaultValue::Computed(from) if spec.mask != Mask::Everything => Some(format!("({from})")),
        _ => None,
    }
}
