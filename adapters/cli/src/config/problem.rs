//! What is wrong with the settings, all of it at once.

use std::fmt;

use super::values::Values;

/// Something that keeps the service from starting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The setting's name, or `.env`.
    pub(crate) setting: String,
    /// Its value without secrets, and where it comes from; `None` without a value.
    pub(crate) value: Option<String>,
    /// What is wrong.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.setting)?;
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        write!(f, ": {}; {}", self.what, self.hint)
    }
}

/// Something that the operator should know, but that does not keep the service from starting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Warning {
    /// The setting's name.
    pub(crate) setting: String,
    /// What it is about; never a secret.
    pub(crate) text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.text)
    }
}

/// What is wrong with one value, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invalid {
    /// What is wrong, as in "is not a number".
    pub(crate) what: String,
    /// What to do, as in "give a number from 1 to 10".
    pub(crate) hint: String,
}

impl Invalid {
    /// What is wrong, and what to do.
    pub(crate) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }

    /// From an adapter's message: what is wrong, and after a `;` what to do, if it says so.
    pub(crate) fn from_message(error: &str) -> Self {
        let (what, hint) = error.split_once("; ").unwrap_or((error, "correct it"));
        Self::new(what, hint)
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.hint)
    }
}

/// What has been found so far.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// What keeps the service from starting.
    pub(crate) problems: Vec<Problem>,
    /// What else the operator should know.
    pub(crate) warnings: Vec<Warning>,
}

impl Findings {
    /// Adds a problem with a setting's present value.
    pub(crate) fn reject(&mut self, values: &Values, setting: &str, invalid: Invalid) {
        let Invalid { what, hint } = invalid;
        let value = values.entry(setting).and_then(|entry| {
            let shown = entry.shown()?;
            Some(format!("{shown:?} ({})", entry.source))
        });
        self.problems.push(Problem { setting: setting.to_owned(), value, what, hint });
    }

    /// Adds a warning.
    pub(crate) fn warn(&mut self, setting: &str, text: impl Into<String>) {
        self.warnings.push(Warning { setting: setting.to_owned(), text: text.into() });
    }
}
