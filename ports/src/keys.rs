//! Keys that are made once, kept sealed in the database, and the same on every replica.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::{CommitError, Failure, KeyId, Scope, Timestamp, Version};

/// What a signing key is for: a key signs for one purpose only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyPurpose {
    /// Admin tokens.
    AdminToken,
    /// Seals over the audit trail.
    AuditSeal,
    /// Fingerprints of requests that are made under an idempotency key: its seed keys an HMAC.
    Fingerprint,
}

impl KeyPurpose {
    /// Every purpose there is.
    pub const ALL: [Self; 3] = [Self::AdminToken, Self::AuditSeal, Self::Fingerprint];

    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AdminToken => "admin-token",
            Self::AuditSeal => "audit-seal",
            Self::Fingerprint => "fingerprint",
        }
    }

    /// The purpose of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == name)
    }
}

/// An Ed25519 key pair (RFC 8032, section 5.1.5).
pub struct SigningKey {
    /// Its id, to say later which key signed.
    pub id: KeyId,
    /// The secret half: 32 bytes, wiped when it is dropped.
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
    /// No secret at hand opens what is kept. Says which setting to make.
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

/// The place where keys are kept.
///
/// An implementor must
/// - make a key at its first use and never again: any number of parallel first uses, on any number of replicas, get the
///   same one;
/// - keep it so that whoever reads the database, but not the service's secrets, learns nothing of it;
/// - lose no key when those secrets are rotated, as long as the one before is at hand once.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Opens what is kept, so that secrets that don't fit are noticed; if it took those before, it is sealed with the present
    /// ones from now on. Makes nothing.
    async fn unlock(&self) -> Result<(), KeyError>;

    /// The system's key for this purpose, made now if there is none.
    async fn obtain(&self, purpose: KeyPurpose) -> Result<Arc<SigningKey>, KeyError>;

    /// The system's key for this purpose, if there is one: what nobody has signed with verifies nothing.
    async fn find(&self, purpose: KeyPurpose) -> Result<Option<Arc<SigningKey>>, KeyError>;
}

/// Bytes that only the service can open. Print redacted all the same.
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

/// The data key, which seals everything else, as the database keeps it. There is one at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// The data key, sealed.
    pub wrapped: Sealed,
    /// What with.
    pub by: Wrapper,
    /// Counts wrappings, from 1.
    pub version: Version,
    /// When the data key was made.
    pub created_at: Timestamp,
    /// When it was wrapped.
    pub updated_at: Timestamp,
}

/// A signing key as the database keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedKey {
    /// Its id.
    pub id: KeyId,
    /// Whose: a tenant's, or the system's. One key at most for each purpose of each.
    pub scope: Scope,
    /// What for.
    pub purpose: KeyPurpose,
    /// The secret half, sealed.
    pub sealed: Sealed,
    /// The public half.
    pub public: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
}

/// Reads keys as they are stored.
///
/// An implementor keeps what [`Store`](crate::Store) promises.
#[async_trait]
pub trait StoredKeys: Send + Sync {
    /// The data key, if there is one.
    async fn data_key(&self) -> Result<Option<WrappedKey>, Failure>;

    /// The signing key that the tenant, or the system itself, has for this purpose.
    async fn signing_key(&self, scope: &Scope, purpose: KeyPurpose) -> Result<Option<SealedKey>, Failure>;
}

/// A write to stored keys. None of them locks what others wait for.
#[derive(Debug, Clone)]
pub enum KeyChange {
    /// Stores the data key. Guard: there is none (`Unique::DataKey`).
    StoreDataKey(Box<WrappedKey>),
    /// Stores the same data key, wrapped anew; `version` is the new version. Guard: the one before it is the present one
    /// (`Guard::DataKey`).
    RewrapDataKey(Box<WrappedKey>),
    /// Stores a signing key. Guard: its owner has none for its purpose (`Unique::SigningKey`).
    StoreSigningKey(Box<SealedKey>),
}
