//! The settings' values as text, and where each comes from.

use std::fmt;

use super::setting::{AnySetting, Setting};
use super::{Environment, mask};

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The command line.
    Flag,
    /// The process environment.
    Environment,
    /// `.env` in the working folder.
    DotEnv,
    /// It is not given: the default, if there is one.
    Default,
    /// The file of secrets beside a development database.
    GeneratedFile,
    /// Generated for this process only.
    Generated,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::DotEnv => ".env",
            Self::Default => "default",
            Self::GeneratedFile => "generated file",
            Self::Generated => "generated",
        })
    }
}

/// One setting's value.
pub(crate) struct Entry {
    /// The variable's name.
    pub(crate) name: String,
    /// What the variable sets.
    pub(crate) setting: &'static dyn AnySetting,
    /// The value, trimmed; never empty.
    pub(crate) text: Option<String>,
    /// Where it comes from.
    pub(crate) source: Source,
}

impl Entry {
    /// The value if the operator set it.
    pub(crate) fn given(&self) -> Option<&str> {
        let is_given = matches!(self.source, Source::Flag | Source::Environment | Source::DotEnv);
        self.text.as_deref().filter(|_| is_given)
    }

    /// The value without secrets.
    pub(crate) fn shown(&self) -> Option<String> {
        self.text.as_deref().map(|text| mask::shown(self.setting.spec().mask, text))
    }
}

/// Every setting's value.
pub(crate) struct Values {
    /// The environment, decided before all else.
    pub(crate) environment: Environment,
    /// The settings in the order of the help, then those of single providers.
    pub(crate) entries: Vec<Entry>,
}

impl Values {
    /// The entry of that name.
    pub(crate) fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// Replaces a value that is not given by one that was generated or computed.
    pub(crate) fn fill<T>(&mut self, setting: &Setting<T>, text: String, source: Source) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.name == setting.name) {
            entry.text = Some(text);
            entry.source = source;
        }
    }

    /// Whether this is production.
    pub(crate) fn production(&self) -> bool {
        self.environment == Environment::Production
    }

    /// The value as text.
    pub(crate) fn text<T>(&self, setting: &Setting<T>) -> Option<&str> {
        self.entry(setting.name)?.text.as_deref()
    }

    /// The value as text if the operator set it.
    pub(crate) fn given<T>(&self, setting: &Setting<T>) -> Option<&str> {
        self.entry(setting.name)?.given()
    }

    /// The value; `None` if there is none, or it is invalid.
    pub(crate) fn find<T: Clone>(&self, setting: &Setting<T>) -> Option<T> {
        setting.parse(self.text(setting)?).ok()
    }

    /// The value of a setting that has a default. A harmless one replaces an invalid one: by then the problem has been
    /// reported, and the configuration is used for a diagnosis only.
    pub(crate) fn get<T: Clone + Default>(&self, setting: &Setting<T>) -> T {
        self.find(setting).unwrap_or_default()
    }
}
