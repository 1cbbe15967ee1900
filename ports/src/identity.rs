//! Who somebody is: traits, state and the identifiers they log in with.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{IdentityId, TenantId, Timestamp};

/// What an identity says about itself: a JSON object that the identity schema allows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Traits(pub Map<String, Value>);

/// A canonical identifier (see `kayan-core`'s `identifier` policy): equal identifiers have equal bytes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identifier(String);

impl Identifier {
    /// Wraps a text that is canonical already: the identifier policy's output, or what the store kept of it.
    pub fn from_canonical(canonical: String) -> Self {
        Self(canonical)
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A form fit for an audit event: enough to recognise, too little to write to.
    pub fn masked(&self) -> String {
        let (local, domain) = self.0.rsplit_once('@').unwrap_or((&self.0, ""));
        let first: String = local.chars().take(1).collect();
        if domain.is_empty() { format!("{first}***") } else { format!("{first}***@{domain}") }
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identifier({})", self.masked())
    }
}

/// An identifier and the trait it was read from, as in `email`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedIdentifier {
    /// The trait's name.
    pub field: String,
    /// The canonical value.
    pub value: Identifier,
}

/// Whether an identity may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// May log in.
    Active,
    /// Switched off by an administrator.
    Inactive,
    /// Locked by an administrator, as after an incident.
    Locked,
    /// Not yet allowed in.
    Pending,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Active, Self::Inactive, Self::Locked, Self::Pending];

    /// The name used in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Locked => "locked",
            Self::Pending => "pending",
        }
    }

    /// The state of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// Counts the changes of a row, so that a writer can say which one it has read. Starts at 1.
pub type Version = i64;

/// Somebody who can log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its id.
    pub id: IdentityId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// What it says about itself.
    pub traits: Traits,
    /// Whether it may come in; the server's alone (I-12).
    pub state: State,
    /// The addresses proven to be its own; the server's alone (I-12).
    pub verified: Vec<String>,
    /// The names of its roles; the server's alone (I-12).
    pub roles: Vec<String>,
    /// When it came to be.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: Timestamp,
    /// When its traits, state or roles last changed.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: Timestamp,
    /// When it last proved who it is with a credential.
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_login_at: Option<Timestamp>,
    /// The number of its last change.
    pub version: Version,
}
