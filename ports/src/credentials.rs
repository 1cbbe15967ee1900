//! Credentials, which prove an identity.

use std::fmt;

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::{
    Client, CredentialId, Failure, Identifier, Identity, IdentityId, Scope, TenantId, TenantSettings, Timestamp,
    Version,
};

/// The kinds of credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CredentialKind {
    /// A password, kept as a hash.
    Password,
}

impl CredentialKind {
    /// The name used in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        (name == Self::Password.as_str()).then_some(Self::Password)
    }
}

/// Begins the text of a hash that is compared by the beginning of the password only.
const CUTTING: &str = "cutting:";

/// A password's hash in PHC or modular crypt form, as in `$2b$10$…` or `$argon2id$v=19$…`.
///
/// A bcrypt hash that was made elsewhere may be of a password longer than bcrypt's 72 bytes. Such a hash is marked when it
/// is taken in, and only then compared by the first 72 bytes; one that is made here never is (I-17).
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Zeroizing<String>);

impl PasswordHash {
    /// Wraps an encoded hash.
    pub fn new(encoded: String) -> Self {
        Self(Zeroizing::new(encoded))
    }

    /// Wraps an encoded hash whose origin has cut long passwords.
    pub fn cutting(encoded: &str) -> Self {
        Self(Zeroizing::new(format!("{CUTTING}{encoded}")))
    }

    /// Whether its origin has cut long passwords.
    pub fn is_cutting(&self) -> bool {
        self.0.starts_with(CUTTING)
    }

    /// The encoded hash, with its mark if it has one; for hashers and stores only.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The encoded hash as it was made, without a mark.
    pub fn as_made(&self) -> &str {
        self.0.strip_prefix(CUTTING).unwrap_or(&self.0)
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash([redacted])")
    }
}

/// One credential of one identity. An identity has at most one password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Its id.
    pub id: CredentialId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// Whom it proves.
    pub identity: IdentityId,
    /// What it is.
    pub kind: CredentialKind,
    /// The secret part, in a form that is safe to keep.
    pub secret: PasswordHash,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its secret last changed.
    pub updated_at: Timestamp,
    /// The number of its last change.
    pub version: Version,
}

/// What a login needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginCandidate {
    /// What its tenant has set.
    pub settings: TenantSettings,
    /// The tenant's epoch, for the session that may come of it.
    pub epoch: i64,
    /// Who has the identifier, if anybody has.
    pub known: Option<Known>,
}

/// Who has an identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Whose it is.
    pub identity: Identity,
    /// Its password, if it has one.
    pub password: Option<Credential>,
    /// Whether a session of its was opened from the client's network before.
    pub known_network: bool,
}

/// Reads credentials.
///
/// An implementor keeps what [`Store`](crate::Store) promises.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// The owner of this identifier, the password to verify, and whether they have logged in from the network of `client`
    /// before; `None` when the tenant is unknown or inactive.
    async fn login_candidate(
        &self,
        tenant: &TenantId,
        identifier: &Identifier,
        client: &Client,
    ) -> Result<Option<LoginCandidate>, Failure>;

    /// An identity's password.
    async fn password(&self, scope: &Scope, identity: IdentityId) -> Result<Option<Credential>, Failure>;
}

/// A write to credentials.
#[derive(Debug, Clone)]
pub enum CredentialChange {
    /// Adds a credential. Guards: the identity is there (`Guard::Identity`) and has none of that kind
    /// (`Unique::Credential`).
    Add(Box<Credential>),
    /// Replaces a credential's secret; `credential.version` is the new version. Guard: the one before it is the present
    /// one (`Guard::Credential`).
    Replace(Box<Credential>),
    /// Marks that a credential has just proven its owner. Guard: it still has this version (`Guard::Credential`), so
    /// that a password that was changed in the meantime opens nothing.
    Use {
        /// The tenant.
        tenant: TenantId,
        /// Which.
        credential: CredentialId,
        /// The version that was verified.
        version: Version,
        /// When.
        at: Timestamp,
    },
}
