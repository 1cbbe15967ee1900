//! Keys that are generated once, stored sealed in the database, and shared by all replicas.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::{
    CommitError, CredentialId, Failure, IdentityId, JwsAlgorithm, KeyId, KeyUse, MessageId, OneTimePurpose, Scope,
    TenantId, Timestamp, TokenHash, Version,
};

/// The purpose of a signing key: a key signs for one purpose only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyPurpose {
    /// Admin tokens.
    AdminToken,
    /// Seals over the audit trail.
    AuditSeal,
    /// Fingerprints of requests with an idempotency key: the seed is the key of an HMAC.
    Fingerprint,
    /// Passkeys that nobody has, for unknown identifiers: the seed is the key of an HMAC.
    PasskeyDecoy,
    /// Codes in mails: the seed is the key of the HMAC that is stored in their place.
    LoginCode,
    /// Tokens of devices: the seed is the key of the HMAC that is half of them.
    Device,
    /// Challenges to prove work: the keys of their HMACs are derived from the seed.
    ProofOfWork,
}

impl KeyPurpose {
    /// Every purpose.
    pub const ALL: [Self; 7] = [
        Self::AdminToken,
        Self::AuditSeal,
        Self::Fingerprint,
        Self::PasskeyDecoy,
        Self::LoginCode,
        Self::Device,
        Self::ProofOfWork,
    ];

    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AdminToken => "admin-token",
            Self::AuditSeal => "audit-seal",
            Self::Fingerprint => "fingerprint",
            Self::PasskeyDecoy => "passkey-decoy",
            Self::LoginCode => "login-code",
            Self::Device => "device",
            Self::ProofOfWork => "proof-of-work",
        }
    }

    /// The purpose of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == name)
    }
}

/// An Ed25519 key pair (RFC 8032, section 5.1.5).
pub struct SigningKey {
    /// Its id, which says later which key signed.
    pub id: KeyId,
    /// The secret half: 32 bytes, wiped when dropped.
    pub seed: Zeroizing<[u8; 32]>,
    /// The public half.
    pub public: [u8; 32],
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, [redacted])", self.id)
    }
}

/// Why there is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// None of the configured secrets opens the stored key. The text says which setting to correct.
    #[error("{0}")]
    Locked(String),
    /// The database failed, a row is damaged, or a bug.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl From<CommitError> for KeyError {
    fn from(error: CommitError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Locked(why) => Self::Fault(why),
            KeyError::Failed(failure) => failure,
        }
    }
}

/// What a sealed secret belongs to.
#[derive(Debug, Clone, Copy)]
pub enum SecretOf<'a> {
    /// A credential.
    Credential {
        /// Its tenant.
        tenant: &'a TenantId,
        /// Whose it is.
        identity: IdentityId,
        /// Which.
        credential: CredentialId,
    },
    /// A one-time token.
    OneTime {
        /// Its tenant.
        tenant: &'a TenantId,
        /// What it is for.
        purpose: OneTimePurpose,
        /// Which.
        hash: &'a TokenHash,
    },
    /// A message.
    Message {
        /// Its tenant.
        tenant: &'a TenantId,
        /// Which.
        message: MessageId,
    },
    /// An issuer key.
    IssuerKey {
        /// Its tenant.
        tenant: &'a TenantId,
        /// What it signs.
        usage: KeyUse,
        /// Its algorithm.
        algorithm: JwsAlgorithm,
        /// Which.
        key: KeyId,
    },
}

/// The store of keys.
///
/// An implementation must
/// - generate a key at its first use and never again: any number of concurrent first uses, on any number of replicas,
///   get the same key;
/// - store it so that a reader of the database without the service's secrets learns nothing about it;
/// - lose no key when those secrets are rotated, if the previous secret is configured once.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Opens the stored keys, so that wrong secrets are noticed. Seals them with the current secret if they were sealed
    /// with the previous one. Generates nothing.
    async fn unlock(&self) -> Result<(), KeyError>;

    /// The system's key for this purpose, generated if there is none.
    async fn obtain(&self, purpose: KeyPurpose) -> Result<Arc<SigningKey>, KeyError>;

    /// The system's key for this purpose; `None` if it was never generated.
    async fn find(&self, purpose: KeyPurpose) -> Result<Option<Arc<SigningKey>>, KeyError>;

    /// Seals a secret with the data key, so that it opens only for what it belongs to.
    async fn seal(&self, of: SecretOf<'_>, secret: &[u8]) -> Result<Sealed, KeyError>;

    /// Opens a sealed secret.
    async fn open(&self, of: SecretOf<'_>, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, KeyError>;
}

/// Bytes that only the service can open. Prints redacted.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed([{} bytes])", self.0.len())
    }
}

/// Which of the service's secrets wraps the data key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrapper {
    /// `KAYAN_DATA_KEY`.
    DataKey,
    /// `KAYAN_SESSION_SECRET`.
    SessionSecret,
}

impl Wrapper {
    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DataKey => "data-key",
            Self::SessionSecret => "session-secret",
        }
    }

    /// The wrapper of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::DataKey, Self::SessionSecret].into_iter().find(|wrapper| wrapper.as_str() == name)
    }
}

/// The data key, which seals everything else, as stored. There is at most one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// The data key, wrapped.
    pub wrapped: Sealed,
    /// Which secret wraps it.
    pub by: Wrapper,
    /// The version, counted up by each wrapping, from 1.
    pub version: Version,
    /// When the data key was made.
    pub created_at: Timestamp,
    /// When it was wrapped.
    pub updated_at: Timestamp,
}

/// A signing key as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedKey {
    /// Its id.
    pub id: KeyId,
    /// Its owner: a tenant or the system. Each has at most one key for each purpose.
    pub scope: Scope,
    /// Its purpose.
    pub purpose: KeyPurpose,
    /// The secret half, sealed.
    pub sealed: Sealed,
    /// The public half.
    pub public: [u8; 32],
    /// When it was created.
    pub created_at: Timestamp,
}

/// Reads keys as they are stored.
///
/// An implementation must keep the guarantees of [`Store`](crate::Store).
#[async_trait]
pub trait StoredKeys: Send + Sync {
    /// The data key, if there is one.
    async fn data_key(&self) -> Result<Option<WrappedKey>, Failure>;

    /// The signing key of the tenant, or of the system itself, for this purpose.
    async fn signing_key(&self, scope: &Scope, purpose: KeyPurpose) -> Result<Option<SealedKey>, Failure>;
}

/// A write to stored keys. None of them locks rows that others wait for.
#[derive(Debug, Clone)]
pub enum KeyChange {
    /// Stores the data key. Guard: there is none (`Unique::DataKey`).
    StoreDataKey(Box<WrappedKey>),
    /// Stores the same data key, wrapped again; `version` is the new version. Guard: the version before it is current
    /// (`Guard::DataKey`).
    RewrapDataKey(Box<WrappedKey>),
    /// Stores a signing key. Guard: its owner has none for its purpose (`Unique::SigningKey`).
    StoreSigningKey(Box<SealedKey>),
}
