//! Accounts: identities, their traits and states, and the identifiers that they log in with.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Affected, Concerns, Failure, IdentityId, Page, PasswordHash, Scope, TenantId, Timestamp};

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
    #[serde(with = "crate::timestamp")]
    pub created_at: Timestamp,
    /// When its traits, state or roles last changed.
    #[serde(with = "crate::timestamp")]
    pub updated_at: Timestamp,
    /// When it last proved who it is with a credential.
    #[serde(with = "crate::timestamp::option")]
    pub last_login_at: Option<Timestamp>,
    /// The number of its last change.
    pub version: Version,
}

/// Which identities to list.
#[derive(Debug, Clone)]
pub struct IdentityQuery {
    /// What may be seen.
    pub scope: Scope,
    /// Only in this state.
    pub state: Option<State>,
    /// Only those of whose identifiers one contains this text, whatever its case; `%` and `_` mean themselves (I-39).
    /// An empty text is no condition.
    pub contains: Option<String>,
    /// At most so many, 1 to 100.
    pub limit: u32,
    /// After so many.
    pub offset: u64,
}

/// Which accounts to read next.
#[derive(Debug, Clone)]
pub struct AccountQuery {
    /// The tenant.
    pub tenant: TenantId,
    /// Only those in this state.
    pub state: Option<State>,
    /// Only those after the one that was created then and has this id.
    pub after: Option<(Timestamp, IdentityId)>,
    /// Whether their passwords' hashes are wanted.
    pub hashes: bool,
    /// At most so many.
    pub limit: u32,
}

/// An identity, and the hash of its password where one is there and wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Who it is.
    pub identity: Identity,
    /// What its password is compared with.
    pub hash: Option<PasswordHash>,
}

/// Reads identities.
///
/// An implementor keeps what [`Store`](crate::Store) promises.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// An identity.
    async fn identity(&self, scope: &Scope, id: IdentityId) -> Result<Option<Identity>, Failure>;

    /// The identities that have this identifier: at most one in a tenant.
    async fn identities_named(&self, scope: &Scope, identifier: &Identifier) -> Result<Vec<Identity>, Failure>;

    /// Identities that are locked, and whose locks were over by `now`, of all tenants: those first for which it was first,
    /// 100 at most.
    async fn ended_locks(&self, now: Timestamp) -> Result<Vec<Identity>, Failure>;

    /// Identities, newest first.
    async fn identities(&self, query: &IdentityQuery) -> Result<Page<Identity>, Failure>;

    /// A tenant's accounts in the order of their creation, and of their ids where that was at the same moment. An account
    /// that exists all the time that the pages are read is on exactly one of them.
    async fn accounts(&self, query: &AccountQuery) -> Result<Vec<Account>, Failure>;

    /// The next tenant that has an identity, in the database's order of their names; the first one after none.
    async fn tenant_with_accounts(&self, after: Option<&TenantId>) -> Result<Option<TenantId>, Failure>;
}

/// A write to identities.
#[derive(Debug, Clone)]
pub enum AccountChange {
    /// Adds an identity with its identifiers. Guards: the tenant is there and active (`Guard::Tenant`), the id is
    /// nobody's in any tenant (`Unique::Identity`), no identifier is taken in the tenant (`Unique::Identifier`).
    Create {
        /// The new identity.
        identity: Box<Identity>,
        /// What it logs in with; may be empty. A value that two fields share counts once.
        identifiers: Vec<NamedIdentifier>,
    },
    /// Replaces traits and identifiers. Guards: `expected` is the present version (`Guard::Identity`), no identifier is
    /// another's (`Unique::Identifier`).
    ReplaceTraits {
        /// The tenant.
        tenant: TenantId,
        /// Whose.
        identity: IdentityId,
        /// The version that was read.
        expected: Version,
        /// The new traits.
        traits: Traits,
        /// The new identifiers.
        identifiers: Vec<NamedIdentifier>,
        /// Those of its verified addresses that it keeps.
        verified: Vec<String>,
        /// When.
        at: Timestamp,
    },
    /// Sets an identity's state. Guard: it is there, and of the expected version if one is given (`Guard::Identity`).
    SetState {
        /// What may be touched.
        scope: Scope,
        /// Whose.
        identity: IdentityId,
        /// The version that was read, where that matters.
        expected: Option<Version>,
        /// The new state.
        state: State,
        /// When a lock ends; `None`: when another state is set.
        until: Option<Timestamp>,
        /// When.
        at: Timestamp,
    },
    /// Removes an identity with its identifiers, credentials, sessions and refresh tokens; its audit events stay.
    /// Guard: it is there, and of the expected version if one is given (`Guard::Identity`).
    Delete {
        /// What may be touched.
        scope: Scope,
        /// Whose.
        identity: IdentityId,
        /// The version that was read, where that matters.
        expected: Option<Version>,
    },
    /// Changes nothing, and keeps an identity as it is until the list is committed. Guard: it is still of this version
    /// (`Guard::Identity`).
    Pin {
        /// The tenant.
        tenant: TenantId,
        /// Which.
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
