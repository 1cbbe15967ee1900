//! What is wrong with the settings, all of it at once.

use std::fmt;

use super::values::Values;

/// Something that keeps the service from starting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The setting's name, or `.env`.
    pub(crate) setting: String,
    /// Its value without secrets, and where it comes from; nothing when there is none.
    pub(crate) value: Option<String>,
    /// What is wrong.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) mend: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.setting)?;
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        write!(f, ": {}; {}", self.what, self.mend)
    }
}

/// Something that the operator should know, but that stops nothing.
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
pub(crate) struct Wrong {
    /// What is wrong, as in "is not a number".
    pub(crate) what: String,
    /// What to do, as in "give a number from 1 to 10".
    pub(crate) mend: String,
}

impl Wrong {
    /// Both sentences.
    pub(crate) fn new(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { what: what.into(), mend: mend.into() }
    }

    /// Both in one sentence, as an adapter's error has them, or only the first.
    pub(crate) fn told(error: &str) -> Self {
        let (what, mend) = error.split_once("; ").unwrap_or((error, "correct it"));
        Self::new(what, mend)
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.mend)
    }
}

/// What has been found so far.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// What keeps the service from starting.
    pub(crate) problems: Vec<Problem>,
    /// What doesn't.
    pub(crate) warnings: Vec<Warning>,
}

impl Findings {
    /// Notes that a setting's present value is wrong.
    pub(crate) fn wrong(&mut self, values: &Values, setting: &str, wrong: Wrong) {
        let value = values.entry(setting).and_then(|entry| {
            let shown = entry.shown()?;
            Some(format!("{shown:?} ({})", entry.source))
        });
        self.problems.push(Problem { setting: setting.to_owned(), value, what: wrong.what, mend: wrong.mend });
    }

    /// Notes a warning.
    pub(crate) fn warn(&mut self, setting: &str, text: impl Into<String>) {
        self.warnings.push(Warning { setting: setting.to_owned(), text: text.into() });
    }
}
