//! A setting: a constant with a name, a type, the values it allows and a default.

use std::fmt::Display;
use std::ops::Deref;
use std::time::Duration;

use secrecy::SecretString;

use super::mask::Mask;
use super::problem::Invalid;
use super::secret::{self, Secret};
use super::{duration, parse};

/// One setting of type `T`: an environment variable and a flag of `serve`.
pub(crate) struct Setting<T: 'static> {
    spec: Spec,
    form: Form<T>,
}

/// What is known of a setting whatever its type.
pub(crate) struct Spec {
    /// The environment variable.
    pub(crate) name: &'static str,
    /// One line, with the unit.
    pub(crate) about: &'static str,
    /// The value when it is not given.
    pub(crate) default: DefaultValue,
    /// What of the value may not be shown.
    pub(crate) mask: Mask,
    /// Whether the flag may stand without a value, for `true`.
    pub(crate) is_switch: bool,
}

/// The value of a setting that is not given.
#[derive(Clone, Copy)]
pub(crate) enum DefaultValue {
    /// None.
    None,
    /// The same everywhere.
    Always(&'static str),
    /// One for development, and one or none for production.
    PerEnvironment(&'static str, Option<&'static str>),
    /// Computed when the service starts; the text says from what.
    Computed(&'static str),
}

/// The values that a setting allows.
enum Form<T: 'static> {
    /// One of these words.
    Choice(&'static [(&'static str, T)]),
    /// From the first to the second, both included.
    Range(&'static (T, T), fn(&str, &(T, T)) -> Result<T, Invalid>, fn(&T) -> String),
    /// What the parser takes, and how the help describes it.
    Parsed(fn(&str) -> Result<T, Invalid>, Option<&'static str>),
}

/// A setting of any type.
pub(crate) trait AnySetting {
    /// What is known of it whatever its type.
    fn spec(&self) -> &Spec;
    /// Checks a value.
    fn check(&self, text: &str) -> Result<(), Invalid>;
    /// The allowed values, for the help.
    fn allowed(&self) -> Option<String>;
}

impl<T: Clone> AnySetting for Setting<T> {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn check(&self, text: &str) -> Result<(), Invalid> {
        self.parse(text).map(drop)
    }

    fn allowed(&self) -> Option<String> {
        match self.form {
            Form::Choice(words) => Some(parse::words(words)),
            Form::Range((from, to), _, show) => Some(format!("{} to {}", show(from), show(to))),
            Form::Parsed(_, allowed) => allowed.map(str::to_owned),
        }
    }
}

impl<T> Deref for Setting<T> {
    type Target = Spec;

    fn deref(&self) -> &Spec {
        &self.spec
    }
}

impl<T: Clone> Setting<T> {
    /// Reads a value.
    pub(crate) fn parse(&self, text: &str) -> Result<T, Invalid> {
        match self.form {
            Form::Choice(words) => parse::choice(text, words),
            Form::Range(range, parse, _) => parse(text, range),
            Form::Parsed(parse, _) => parse(text),
        }
    }
}

impl<T> Setting<T> {
    const fn new(name: &'static str, about: &'static str, form: Form<T>) -> Self {
        Self { spec: Spec { name, about, default: DefaultValue::None, mask: Mask::Nothing, is_switch: false }, form }
    }

    /// A setting whose value a function reads.
    pub(crate) const fn parsed(name: &'static str, about: &'static str, parse: fn(&str) -> Result<T, Invalid>) -> Self {
        Self::new(name, about, Form::Parsed(parse, None))
    }

    /// One of several words.
    pub(crate) const fn choice(name: &'static str, about: &'static str, words: &'static [(&'static str, T)]) -> Self {
        Self::new(name, about, Form::Choice(words))
    }

    /// A whole number.
    pub(crate) const fn number(name: &'static str, about: &'static str, range: &'static (T, T)) -> Self
    where
        T: TryFrom<u64> + PartialOrd + Display,
    {
        Self::new(name, about, Form::Range(range, parse::number, T::to_string))
    }

    /// With a default.
    pub(crate) const fn or(mut self, text: &'static str) -> Self {
        self.spec.default = DefaultValue::Always(text);
        self
    }

    /// With a default in development, and another or none in production.
    pub(crate) const fn per_environment(mut self, development: &'static str, production: Option<&'static str>) -> Self {
        self.spec.default = DefaultValue::PerEnvironment(development, production);
        self
    }

    /// With a default that is computed from what the text says.
    pub(crate) const fn computed(mut self, from: &'static str) -> Self {
        self.spec.default = DefaultValue::Computed(from);
        self
    }

    /// Never shown.
    pub(crate) const fn hidden(mut self) -> Self {
        self.spec.mask = Mask::Everything;
        self
    }
}

impl Setting<Duration> {
    /// A duration.
    pub(crate) const fn duration(
        name: &'static str,
        about: &'static str,
        range: &'static (Duration, Duration),
    ) -> Self {
        Self::new(name, about, Form::Range(range, parse::span, |span| duration::format(*span)))
    }
}

impl Setting<bool> {
    /// Yes or no.
    pub(crate) const fn switch(name: &'static str, about: &'static str) -> Self {
        let mut setting = Self::new(name, about, Form::Parsed(parse::switch, Some("true, false")));
        setting.spec.is_switch = true;
        setting
    }
}

impl Setting<String> {
    /// Any text.
    pub(crate) const fn text(name: &'static str, about: &'static str) -> Self {
        Self::parsed(name, about, |text| Ok(text.to_owned()))
    }
}

impl Setting<SecretString> {
    /// A connection string, which its adapter validates; shown without its password.
    pub(crate) const fn connection(name: &'static str, about: &'static str) -> Self {
        let mut setting = Self::parsed(name, about, |text| Ok(SecretString::from(text)));
        setting.spec.mask = Mask::Password;
        setting
    }

    /// A secret, which its adapter validates; never shown.
    pub(crate) const fn secret(name: &'static str, about: &'static str) -> Self {
        Self::parsed(name, about, |text| Ok(SecretString::from(text))).hidden()
    }
}

impl Setting<Secret> {
    /// A key; how strong it is, is checked when all settings are known.
    pub(crate) const fn key(name: &'static str, about: &'static str) -> Self {
        let allowed = Some("32 bytes or more; raw, base64 or hex");
        Self::new(name, about, Form::Parsed(|text| Ok(secret::decode(text)), allowed)).hidden()
    }
}

impl Spec {
    /// The flag's name: `KAYAN_DB_DSN` is `db-dsn`.
    pub(crate) fn flag(&self) -> String {
        self.name.strip_prefix("KAYAN_").unwrap_or(self.name).to_ascii_lowercase().replace('_', "-")
    }

    /// The default as text, for one environment.
    pub(crate) fn default_in(&self, production: bool) -> Option<&'static str> {
        match self.default {
            DefaultValue::PerEnvironment(_, text) if production => text,
            DefaultValue::Always(text) | DefaultValue::PerEnvironment(text, _) => Some(text),
            DefaultValue::None | DefaultValue::Computed(_) => None,
        }
    }
}

impl dyn AnySetting {
    /// The whole help line: what it is, what is allowed, the variable and the default.
    pub(crate) fn long_help(&self) -> String {
        let Spec { name, about, default, .. } = self.spec();
        let allowed = self.allowed().map(|allowed| format!(" ({allowed})")).unwrap_or_default();
        let default = match default {
            DefaultValue::None => String::new(),
            DefaultValue::Always(text) | DefaultValue::Computed(text) => format!(" [default: {text}]"),
            DefaultValue::PerEnvironment(text, None) => format!(" [default in development: {text}]"),
            DefaultValue::PerEnvironment(text, Some(other)) => format!(" [default: {text}, in production {other}]"),
        };
        format!("{about}{allowed} [env: {name}]{default}")
    }
}
