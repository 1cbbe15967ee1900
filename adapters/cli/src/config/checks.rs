//! The check that every setting goes through.

use super::problem::Findings;
use super::values::Values;

/// Checks the form of every value.
pub(crate) fn forms(values: &Values, findings: &mut Findings) {
    for entry in &values.entries {
        if let Some(Err(invalid)) = entry.text.as_deref().map(|text| entry.setting.check(text)) {
            findings.reject(values, &entry.name, invalid);
        }
    }
}
