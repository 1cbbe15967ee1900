//! What a row of the table of settings says.

use std::time::Duration;

use super::duration;

/// One setting: an environment variable and a flag of `serve`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// The environment variable.
    pub(crate) name: &'static str,
    /// The part of the service it belongs to.
    pub(crate) feature: Feature,
    /// What its value looks like.
    pub(crate) kind: Kind,
    /// One line, with the unit.
    pub(crate) help: &'static str,
    /// Its value when it isn't given.
    pub(crate) fallback: Fallback,
    /// Whether this build can do it.
    pub(crate) offer: Offer,
}

/// The parts of the service, as the headings of the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feature {
    /// The process itself.
    General,
    /// The HTTP service.
    Http,
    /// The database.
    Database,
    /// Redis.
    Redis,
    /// Secrets.
    Secrets,
    /// Passwords and their hashes.
    Passwords,
    /// Sessions and their tokens.
    Sessions,
    /// Rate limiting.
    RateLimit,
    /// Account lockout.
    Lockout,
    /// Outgoing mail.
    Mail,
    /// Login through other providers.
    Federation,
    /// Passkeys.
    Passkeys,
    /// The audit trail.
    Audit,
    /// Traces.
    Tracing,
}

impl Feature {
    /// The heading.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::General => "General",
            Self::Http => "HTTP",
            Self::Database => "Database",
            Self::Redis => "Redis",
            Self::Secrets => "Secrets",
            Self::Passwords => "Passwords",
            Self::Sessions => "Sessions",
            Self::RateLimit => "Rate limiting",
            Self::Lockout => "Account lockout",
            Self::Mail => "Mail",
            Self::Federation => "OpenID Connect",
            Self::Passkeys => "Passkeys",
            Self::Audit => "Audit",
            Self::Tracing => "Tracing",
        }
    }
}

/// What a value looks like.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A whole number, from and to.
    Number(u64, u64),
    /// A part of a whole, 0 to 1.
    Part,
    /// A duration, from and to.
    Span(Duration, Duration),
    /// Yes or no.
    Switch,
    /// An IP address.
    Address,
    /// A URL with one of these schemes.
    Url(&'static [&'static str]),
    /// URLs, separated by commas.
    Urls,
    /// Origins, separated by commas.
    Origins,
    /// Hosts and the tenants that they stand for, separated by commas.
    Hosts,
    /// Networks (CIDR) or addresses, separated by commas.
    Networks,
    /// A database connection string.
    Dsn,
    /// A mail address, with or without a name.
    Mailbox,
    /// A JSON object, or the path of a file that holds one.
    Schema,
    /// Pairs of a name and a value, percent-encoded: `NAME=VALUE`, separated by commas.
    Pairs,
    /// HTTP headers in the same form, which carry secrets.
    SecretHeaders,
    /// JSON that carries secrets.
    SecretJson,
    /// 32 or more bytes: raw, base64 or hex.
    Key,
    /// A secret of any form.
    Password,
    /// Anything.
    Text,
}

impl Kind {
    /// Whether no part of the value may ever be shown.
    pub(crate) fn is_secret(self) -> bool {
        matches!(self, Self::SecretJson | Self::SecretHeaders | Self::Key | Self::Password)
    }

    /// The allowed values, for the help and for messages.
    pub(crate) fn range(self) -> Option<String> {
        match self {
            Self::Choice(words) => Some(words.join(", ")),
            Self::Number(from, to) => Some(format!("{from} to {to}")),
            Self::Part => Some("0 to 1".to_owned()),
            Self::Span(from, to) => Some(format!("{} to {}", duration::format(from), duration::format(to))),
            Self::Switch => Some("true, false".to_owned()),
            Self::Key => Some("32 bytes or more; raw, base64 or hex".to_owned()),
            _ => None,
        }
    }
}

/// The value of a setting that isn't given.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fallback {
    /// None.
    Nothing,
    /// Always this.
    Always(&'static str),
    /// In development this, in production that, if anything.
    Differs(&'static str, Option<&'static str>),
    /// Worked out when the service starts; the words say from what.
    Derived(&'static str),
}

/// Whether this build can do what a setting asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer {
    /// It can; or the setting does nothing as long as its feature is off.
    Here,
    /// It can't: giving a value switches on what isn't there.
    NotYet,
    /// It can't, but for this value.
    NotYetUnless(&'static str),
}

impl Setting {
    /// A setting without a default.
    pub(crate) const fn new(name: &'static str, feature: Feature, kind: Kind, help: &'static str) -> Self {
        Self { name, feature, kind, help, fallback: Fallback::Nothing, offer: Offer::Here }
    }

    /// With this default.
    pub(crate) const fn or(self, text: &'static str) -> Self {
        Self { fallback: Fallback::Always(text), ..self }
    }

    /// With a default in development, and another or none in production.
    pub(crate) const fn differs(self, development: &'static str, production: Option<&'static str>) -> Self {
        Self { fallback: Fallback::Differs(development, production), ..self }
    }

    /// With a default that is worked out.
    pub(crate) const fn derived(self, how: &'static str) -> Self {
        Self { fallback: Fallback::Derived(how), ..self }
    }

    /// Of a feature that this build hasn't.
    pub(crate) const fn not_yet(self) -> Self {
        Self { offer: Offer::NotYet, ..self }
    }

    /// Of a feature that this build hasn't; this value leaves it off.
    pub(crate) const fn not_yet_unless(self, off: &'static str) -> Self {
        Self { offer: Offer::NotYetUnless(off), ..self }
    }

    /// The flag's name: `KAYAN_DB_DSN` is `db-dsn`.
    pub(crate) fn flag(&self) -> String {
        self.name.strip_prefix("KAYAN_").unwrap_or(self.name).to_ascii_lowercase().replace('_', "-")
    }

    /// The default as text, for one environment.
    pub(crate) fn default_in(&self, production: bool) -> Option<&'static str> {
        match self.fallback {
            Fallback::Always(text) => Some(text),
            Fallback::Differs(development, in_production) => {
                if production {
                    in_production
                } else {
                    Some(development)
                }
            }
            Fallback::Nothing | Fallback::Derived(_) => None,
        }
    }

    /// The whole help line: what it is, its range, the variable and the default.
    pub(crate) fn long_help(&self) -> String {
        let range = self.kind.range().map(|range| format!(" ({range})")).unwrap_or_default();
        let fallback = match self.fallback {
            Fallback::Nothing => String::new(),
            Fallback::Always(text) | Fallback::Derived(text) => format!(" [default: {text}]"),
            Fallback::Differs(development, None) => format!(" [default in development: {development}]"),
            Fallback::Differs(development, Some(production)) => {
                format!(" [default: {development}, in production {production}]")
            }
        };
        let later = match self.offer {
            Offer::Here => "",
            Offer::NotYet | Offer::NotYetUnless(_) => " [not available in this build]",
        };
        format!("{}{range} [env: {}]{fallback}{later}", self.help, self.name)
    }
}
