//! What proves who somebody is.

use std::fmt;

use zeroize::Zeroizing;

use crate::{CredentialId, IdentityId, TenantId, Timestamp, Version};

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

/// A password's hash in PHC or modular crypt form, as in `$2b$10$…` or `$argon2id$v=19$…`.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Zeroizing<String>);

impl PasswordHash {
    /// Wraps an encoded hash.
    pub fn new(encoded: String) -> Self {
        Self(Zeroizing::new(encoded))
    }

    /// The encoded hash; for hashers and stores only.
    pub fn expose(&self) -> &str {
        &self.0
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
