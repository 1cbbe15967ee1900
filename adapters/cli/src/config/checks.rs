//! The checks that every setting goes through.

use super::problem::{Findings, Invalid};
use super::setting::Support;
use super::values::Values;

/// Checks the form of every value.
pub(crate) fn forms(values: &Values, findings: &mut Findings) {
    for entry in &values.entries {
        if let Some(Err(invalid)) = entry.text.as_deref().map(|text| entry.setting.check(text)) {
            findings.reject(values, &entry.name, invalid);
        }
    }
}

/// Refuses settings of features that this version does not have: a silent one would be relied on.
pub(crate) fn support(values: &Values, findings: &mut Findings) {
    for entry in &values.entries {
        let Some(text) = entry.given() else { continue };
        let spec = entry.setting.spec();
        let default = spec.default_in(values.production());
        match spec.support {
            Support::Refused(what) if !default.is_some_and(|default| default.eq_ignore_ascii_case(text)) => {
                let hint =
                    default.map_or_else(|| "unset it".to_owned(), |text| format!("unset it, or set it to {text}"));
                findings.reject(values, &entry.name, Invalid::new(format!("this version cannot {what} yet"), hint));
            }
            Support::Ignored(what) => {
                findings.warn(&entry.name, format!("has no effect: this version cannot {what} yet"));
            }
            Support::Full | Support::Refused(_) => {}
        }
    }
}
