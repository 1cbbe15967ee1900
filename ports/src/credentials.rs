//! Credentials, with which an identity logs in.

use std::fmt;

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::{
    Client, CredentialId, Device, Failure, Identifier, Identity, IdentityId, ProviderAccount, ProviderLink, Scope,
    TenantId, TenantSettings, Timestamp, TokenHash, Version,
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

/// Marks a hash that is compared with the first 72 bytes of a password only.
const CUTTING: &str = "cutting:";

/// A password's hash in PHC or modular crypt form, as in `$2b$10$…` or `$argon2id$v=19$…`.
///
/// An imported bcrypt hash may come from a password longer than bcrypt's 72 bytes. Such a hash is marked at import, and
/// only then compared with the first 72 bytes; a hash made here never is (I-17).
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Zeroizing<String>);

impl PasswordHash {
    /// Wraps an encoded hash.
    pub fn new(encoded: String) -> Self {
        Self(Zeroizing::new(encoded))
    }

    /// Wraps an encoded hash from a system that truncates long passwords.
    pub fn cutting(encoded: &str) -> Self {
        Self(Zeroizing::new(format!("{CUTTING}{encoded}")))
    }

    /// Whether the hash comes from a system that truncates long passwords.
    pub fn is_cutting(&self) -> bool {
        self.0.starts_with(CUTTING)
    }

    /// The encoded hash, with its mark if it has one; only for hashers and stores.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The encoded hash without a mark.
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
    /// The identity it belongs to.
    pub identity: IdentityId,
    /// Its kind.
    pub kind: CredentialKind,
    /// The secret, in a form that is safe to store.
    pub secret: PasswordHash,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its secret last changed; a password that was only hashed anew has not changed.
    pub updated_at: Timestamp,
    /// The version, counted up by each change.
    pub version: Version,
}

/// What a login reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginCandidate {
    /// The tenant's settings.
    pub settings: TenantSettings,
    /// The tenant's epoch, for the session that may be opened.
    pub epoch: i64,
    /// The identity with this identifier, if there is one.
    pub known: Option<Known>,
}

/// An identity found by its identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The identity.
    pub identity: Identity,
    /// Its password, if it has one.
    pub password: Option<Credential>,
    /// Whether it has a second factor: a confirmed authenticator app or a passkey.
    pub has_second_factor: bool,
    /// Whether it has logged in from the client's network before.
    pub known_network: bool,
    /// The device with the client's token, if the identity has it.
    pub device: Option<Device>,
}

/// Reads credentials.
///
/// An implementation must keep the guarantees of [`Store`](crate::Store).
#[async_trait]
pub trait Credentials: Send + Sync {
    /// The owner of this identifier, the password to verify, whether the owner has logged in from the network of `client`
    /// before, and the owner's device with the token `device`; `None` when the tenant is unknown or inactive.
    async fn login_candidate(
        &self,
        tenant: &TenantId,
        identifier: &Identifier,
        client: &Client,
        device: Option<&TokenHash>,
    ) -> Result<Option<LoginCandidate>, Failure>;

    /// An identity's password credential.
    async fn password(&self, scope: &Scope, identity: IdentityId) -> Result<Option<Credential>, Failure>;

    /// The hashes of an identity's former passwords that are kept, the latest first.
    async fn former_passwords(&self, scope: &Scope, identity: IdentityId) -> Result<Vec<PasswordHash>, Failure>;

    /// The link of this account at a provider: a tenant has at most one.
    async fn link(&self, tenant: &TenantId, account: &ProviderAccount) -> Result<Option<ProviderLink>, Failure>;

    /// An identity's links to accounts at providers, in the order in which they were made.
    async fn links(&self, tenant: &TenantId, identity: IdentityId) -> Result<Vec<ProviderLink>, Failure>;
}

/// A write to credentials.
#[derive(Debug, Clone)]
pub enum CredentialChange {
    /// Adds a credential. Guards: the identity exists (`Guard::Identity`) and has none of this kind
    /// (`Unique::Credential`).
    Add(Box<Credential>),
    /// Replaces a credential's secret by another form of it; `credential.version` is the new version. Guard: the version
    /// before it is current (`Guard::Credential`).
    Replace(Box<Credential>),
    /// Replaces a password by another one. Guard: as of `Replace`.
    ChangePassword {
        /// The changed credential.
        credential: Box<Credential>,
        /// The hashes of former passwords to keep, the latest first. They replace those that were kept.
        former: Vec<PasswordHash>,
    },
    /// Links an account at a provider. Guards: the identity exists (`Guard::Identity`) and has none at this provider, and nobody
    /// in the tenant has this account (`Unique::Credential`).
    Link(Box<ProviderLink>),
    /// Removes a link. Guard: it is there (`Guard::Credential`).
    Unlink {
        /// The tenant.
        tenant: TenantId,
        /// Whose.
        identity: IdentityId,
        /// Which.
        link: CredentialId,
    },
    /// Notes that a credential was just verified. Guard: it still has this version (`Guard::Credential`), so that a
    /// password changed or a link removed in the meantime opens no session.
    Use {
        /// The tenant.
        tenant: TenantId,
        /// The credential.
        credential: CredentialId,
        /// The version that was verified.
        version: Version,
        /// The time of the change.
        at: Timestamp,
    },
}
