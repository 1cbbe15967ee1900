//! The settings' values as text, and where each comes from.

use std::fmt;
use std::time::Duration;

use super::setting::{Kind, Offer};
use super::{Environment, duration, mask, parse};

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The command line.
    Flag,
    /// The process environment.
    Environment,
    /// `.env` in the working folder.
    DotEnv,
    /// Nowhere: the default, if there is one.
    Default,
    /// The file of secrets beside a development database.
    GeneratedFile,
    /// Made for this process only.
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
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The setting's name.
    pub(crate) name: String,
    /// What the value should look like.
    pub(crate) kind: Kind,
    /// Whether this build can do it.
    pub(crate) offer: Offer,
    /// The value, trimmed; never empty.
    pub(crate) text: Option<String>,
    /// Where it comes from.
    pub(crate) source: Source,
}

impl Entry {
    /// Whether somebody gave the value.
    pub(crate) fn is_given(&self) -> bool {
        matches!(self.source, Source::Flag | Source::Environment | Source::DotEnv)
    }

    /// The value without secrets.
    pub(crate) fn shown(&self) -> Option<String> {
        self.text.as_deref().map(|text| mask::shown(self.kind, text))
    }
}

/// Every setting's value.
///
/// The typed getters answer a harmless stand-in when the value does not parse: by then the problem has been noted, and
/// what is made from it leaves `load` for a diagnosis only.
#[derive(Debug, Clone)]
pub(crate) struct Values {
    /// The environment, decided before all else.
    pub(crate) environment: Environment,
    /// The settings in the table's order, then those of single providers.
    pub(crate) entries: Vec<Entry>,
}

impl Values {
    /// The entry of that name.
    pub(crate) fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// Replaces a value that nobody gave by one that was made or worked out.
    pub(crate) fn fill(&mut self, name: &str, text: String, source: Source) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.name == name) {
            entry.text = Some(text);
            entry.source = source;
        }
    }

    /// Whether this is production.
    pub(crate) fn production(&self) -> bool {
        self.environment == Environment::Production
    }

    /// Whether somebody gave a value.
    pub(crate) fn given(&self, name: &str) -> bool {
        self.entry(name).is_some_and(Entry::is_given)
    }

    /// The value as it stands.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.entry(name)?.text.as_deref()
    }

    /// A word of a choice, in lower case.
    pub(crate) fn word(&self, name: &str) -> String {
        self.text(name).unwrap_or_default().to_ascii_lowercase()
    }

    /// A whole number.
    pub(crate) fn number<N: TryFrom<u64> + Default>(&self, name: &str) -> N {
        self.text(name).and_then(|text| N::try_from(text.parse().ok()?).ok()).unwrap_or_default()
    }

    /// A duration.
    pub(crate) fn span(&self, name: &str) -> Duration {
        self.text(name).and_then(|text| duration::parse(text).ok()).unwrap_or_default()
    }

    /// A yes or no.
    pub(crate) fn switch(&self, name: &str) -> bool {
        self.text(name).and_then(|text| parse::switch(text).ok()).unwrap_or_default()
    }

    /// A value read by one of the parsers, or nothing.
    pub(crate) fn read<T, E>(&self, name: &str, parser: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        self.text(name).and_then(|text| parser(text).ok())
    }
}
