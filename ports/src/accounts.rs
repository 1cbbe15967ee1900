//! Accounts: identities, their traits and states, and the identifiers that they log in with.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Affected, Concerns, Failure, IdentityId, Page, PasswordHash, Scope, TenantId, Timestamp};

/// The traits of an identity: a JSON object that the identity schema accepts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Traits(pub Map<String, Value>);

/// A canonical identifier (see `kayan-core`'s `identifier` policy): equal identifiers have equal bytes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identifier(String);

impl Identifier {
    /// Wraps a text that is canonical already: the output of the identifier policy, or a value from the store.
    pub fn from_canonical(canonical: String) -> Self {
        Self(canonical)
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a phone number in the form of E.164: `+` and 8 to 15 digits, of which the first is not 0.
    pub fn is_phone(&self) -> bool {
        self.0.strip_prefix('+').is_some_and(|digits| {
            (8..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|it| it.is_ascii_digit())
        })
    }

    /// The masked form for audit events, such as `a***@example.com` or `+49***67`.
    pub fn masked(&self) -> String {
        if self.is_phone() {
            let end = self.0.len() - 2;
            return format!("{}***{}", self.0.get(..3).unwrap_or_default(), self.0.get(end..).unwrap_or_default());
        }
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

/// Whether an identity may log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// May log in.
    Active,
    /// Switched off by an administrator.
    Inactive,
    /// Locked by an administrator, as after an incident.
    Locked,
    /// Not yet allowed to log in.
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

/// The version of a row, counted up by each change, from 1. A writer names the version that it has read.
pub type Version = i64;

/// An account: a person or program that can log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its id.
    pub id: IdentityId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// Its traits.
    pub traits: Traits,
    /// Whether it may log in; only the server sets it (I-12).
    pub state: State,
    /// Its verified addresses; only the server sets them (I-12).
    pub verified: Vec<String>,
    /// The names of its roles; only the server sets them (I-12).
    pub roles: Vec<String>,
    /// When it came to be.
    #[serde(with = "crate::timestamp")]
    pub created_at: Timestamp,
    /// When its traits, state or roles last changed.
    #[serde(with = "crate::timestamp")]
    pub updated_at: Timestamp,
    /// When it last proved who it is with a credential.
    #[serde(with = "crate::timestamp::option")]
    pub last_login_at: Option<Timestamp>,
    /// The version, counted up by each change.
    pub version: Version,
}

/// Which identities to list.
#[derive(Debug, Clone)]
pub struct IdentityQuery {
    /// The tenant to read, or all of them.
    pub scope: Scope,
    /// Only in this state.
    pub state: Option<State>,
    /// Only those with an identifier that contains this text, in any case; `%` and `_` have no special meaning (I-39).
    /// An empty text matches all.
    pub contains: Option<String>,
    /// Only those without a second factor that completes a login; recovery codes are none.
    pub without_factor: bool,
    /// The most rows to return, 1 to 100.
    pub limit: u32,
    /// The number of rows to skip.
    pub offset: u64,
}

/// Which accounts to read.
#[derive(Debug, Clone)]
pub struct AccountQuery {
    /// The tenant.
    pub tenant: TenantId,
    /// Only those in this state.
    pub state: Option<State>,
    /// Only those after this place in the order: the creation time and id of the last account read.
    pub after: Option<(Timestamp, IdentityId)>,
    /// Whether to read the hashes of their passwords.
    pub hashes: bool,
    /// The most rows to return.
    pub limit: u32,
}

/// An identity and, if asked for and present, the hash of its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The identity.
    pub identity: Identity,
    /// The hash of its password.
    pub hash: Option<PasswordHash>,
}

/// Reads identities.
///
/// An implementation must keep the guarantees of [`Store`](crate::Store).
#[async_trait]
pub trait Accounts: Send + Sync {
    /// The identity with this id.
    async fn identity(&self, scope: &Scope, id: IdentityId) -> Result<Option<Identity>, Failure>;

    /// The identities with this identifier: at most one in each tenant.
    async fn identities_named(&self, scope: &Scope, identifier: &Identifier) -> Result<Vec<Identity>, Failure>;

    /// Locked identities of all tenants whose locks ended by `now`, the earliest end first, at most 100.
    async fn ended_locks(&self, now: Timestamp) -> Result<Vec<Identity>, Failure>;

    /// The identities that the query selects, newest first.
    async fn identities(&self, query: &IdentityQuery) -> Result<Page<Identity>, Failure>;

    /// Those without a second factor among the active identities of a tenant, of which the newest are looked at, `among` at
    /// most; with a role, among those who have it directly.
    async fn without_factor(
        &self,
        tenant: &TenantId,
        role: Option<&str>,
        among: u32,
    ) -> Result<Vec<IdentityId>, Failure>;

    /// A tenant's accounts, sorted by creation time, then by id. An account that exists during the whole iteration is
    /// on exactly one page.
    async fn accounts(&self, query: &AccountQuery) -> Result<Vec<Account>, Failure>;

    /// The tenant after this one, in the database's order of names, that has an identity; `None` starts at the first.
    async fn tenant_with_accounts(&self, after: Option<&TenantId>) -> Result<Option<TenantId>, Failure>;
}

/// A write to identities.
#[derive(Debug, Clone)]
pub enum AccountChange {
    /// Adds an identity with its identifiers. Guards: the tenant exists and is active (`Guard::Tenant`), no identity of
    /// any tenant has the id (`Unique::Identity`), no identifier is taken in the tenant (`Unique::Identifier`).
    Create {
        /// The new identity.
        identity: Box<Identity>,
        /// The identifiers it logs in with; may be empty. A value that two fields share counts once.
        identifiers: Vec<NamedIdentifier>,
    },
    /// Replaces traits and identifiers. Guards: `expected` is the current version (`Guard::Identity`), no other
    /// identity of the tenant has one of the identifiers (`Unique::Identifier`).
    ReplaceTraits {
        /// The tenant.
        tenant: TenantId,
        /// The identity.
        identity: IdentityId,
        /// The version that was read.
        expected: Version,
        /// The new traits.
        traits: Traits,
        /// The new identifiers.
        identifiers: Vec<NamedIdentifier>,
        /// The verified addresses that stay verified.
        verified: Vec<String>,
        /// The time of the change.
        at: Timestamp,
    },
    /// Sets an identity's state. Guard: it exists, with the expected version if one is given (`Guard::Identity`).
    SetState {
        /// The tenant to change, or all of them.
        scope: Scope,
        /// The identity.
        identity: IdentityId,
        /// The version that was read; `None` skips the check.
        expected: Option<Version>,
        /// The new state.
        state: State,
        /// When a lock ends; `None`: it stays until the state is changed.
        until: Option<Timestamp>,
        /// The time of the change.
        at: Timestamp,
    },
    /// Deletes an identity with its identifiers, credentials, sessions and refresh tokens; its audit events stay.
    /// Guard: it exists, with the expected version if one is given (`Guard::Identity`).
    Delete {
        /// The tenant to change, or all of them.
        scope: Scope,
        /// The identity.
        identity: IdentityId,
        /// The version that was read; `None` skips the check.
        expected: Option<Version>,
    },
    /// Changes nothing, and keeps an identity unchanged until the list is committed. Guard: it still has this version
    /// (`Guard::Identity`).
    Pin {
        /// The tenant.
        tenant: TenantId,
        /// The identity.
        identity: IdentityId,
        /// The version that was read.
        version: Version,
    },
}

impl AccountChange {
    pub(crate) fn concerns(&self) -> Option<Concerns> {
        match self {
            Self::ReplaceTraits { identity, .. } | Self::SetState { identity, .. } | Self::Delete { identity, .. } => {
                Some(Concerns::access(Affected::Identity(*identity)))
            }
            Self::Create { .. } | Self::Pin { .. } => None,
        }
    }
}
