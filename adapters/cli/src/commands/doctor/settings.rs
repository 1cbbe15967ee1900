//! The settings: what `kayan config check` finds, and the schema of the traits.

use super::{Case, finding::Finding};
use crate::compose;

const VALID: &str = "settings.valid";
const ADVICE: &str = "settings.advice";
const SCHEMA: &str = "settings.identity_schema";

/// The checks of which each failure keeps the service from starting.
pub(super) const CHECKS: [&str; 2] = [VALID, SCHEMA];

pub(super) fn examine(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for problem in &case.problems {
        let value = problem.value.as_ref().map(|value| format!(" = {value}")).unwrap_or_default();
        findings.push(Finding::failed(VALID, format!("{}{value}: {}", problem.setting, problem.what), &*problem.mend));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(VALID, "every setting can be used"));
    }
    for warning in &case.warnings {
        findings.push(Finding::warning(ADVICE, warning.to_string(), "change it, or know why not"));
    }
    if case.unusable(&["KAYAN_IDENTITY_SCHEMA"]).is_none()
        && let Err(stop) = compose::schema(&case.config)
    {
        findings.push(Finding::failed(SCHEMA, stop.reason(), "mend the schema that KAYAN_IDENTITY_SCHEMA names"));
    }
    findings
}
