//! The settings: what `kayan config check` finds, and the schema of the traits.

use super::{Case, finding::Finding};
use crate::config::settings::http;

const VALID: &str = "settings.valid";
const ADVICE: &str = "settings.advice";
const SCHEMA: &str = "settings.identity_schema";

/// The checks whose failure keeps the service from starting.
pub(super) const CHECKS: [&str; 2] = [VALID, SCHEMA];

pub(super) fn examine(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for problem in &case.problems {
        let value = problem.value.as_ref().map(|value| format!(" = {value}")).unwrap_or_default();
        let check = if problem.setting == http::IDENTITY_SCHEMA.name { SCHEMA } else { VALID };
        findings.push(Finding::failed(check, format!("{}{value}: {}", problem.setting, problem.what), &*problem.hint));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(VALID, "all settings are valid"));
    }
    for warning in &case.warnings {
        findings.push(Finding::warning(ADVICE, warning.to_string(), "change it unless it is intended"));
    }
    findings
}
