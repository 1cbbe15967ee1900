//! The port to password hashing.

use std::fmt;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use crate::{Failure, PasswordHash, TenantId};

/// A password in the clear. Prints as `[redacted]` and is wiped from memory when dropped.
#[derive(Clone)]
pub struct Password(SecretString);

impl Password {
    /// The password itself; only for hashers and the password policy.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<String> for Password {
    fn from(clear: String) -> Self {
        Self(SecretString::from(clear))
    }
}

impl From<&str> for Password {
    fn from(clear: &str) -> Self {
        Self(SecretString::from(clear))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password([redacted])")
    }
}

/// The hash formats for new hashes. All of them are verified, at any cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashFormat {
    /// bcrypt with this cost (4 to 31): 2^cost rounds.
    Bcrypt {
        /// log2 of the rounds.
        cost: u32,
    },
    /// argon2id (RFC 9106) with OWASP's 19 MiB, two passes, one lane.
    Argon2id,
    /// scrypt (RFC 7914) with N = 2^17, r = 8, p = 1.
    Scrypt,
}

/// The result of comparing a password with a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The password is wrong.
    Mismatch,
    /// The password is right.
    Match,
    /// The password is right, but the hash has another format or a lower cost than new ones: hash it again.
    MatchOutdated,
}

/// Why a hasher failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// The queue is full; try again later (I-40).
    #[error("the password hashing queue is full")]
    Overloaded,
    /// The password is longer than the format can hash without truncation (I-17).
    #[error("the password is longer than {max_bytes} bytes")]
    TooLong {
        /// The limit, in bytes of UTF-8.
        max_bytes: usize,
    },
    /// The hasher itself failed.
    #[error("the password hasher failed: {0}")]
    Fault(String),
}

impl From<HashError> for Failure {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Overloaded => Self::Overloaded,
            HashError::TooLong { .. } | HashError::Fault(_) => Self::Fault(error.to_string()),
        }
    }
}

/// How much an imported hash costs to verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HashCost {
    /// At most four times the cost of a new hash, and at most 64 MiB of memory.
    Ordinary,
    /// More, up to the limits of I-42: bcrypt at cost 15, argon2 with 1 GiB, 10 passes and 16 lanes, scrypt with N = 2^17,
    /// r = 8 and p = 10, PBKDF2 with 10 million rounds.
    Costly,
}

/// Why an imported hash is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AdoptError {
    /// Of no known format, damaged, or beyond the limits of I-42.
    #[error("must be a valid bcrypt, argon2, scrypt or PBKDF2 hash within the cost limits")]
    Unknown,
    /// More costly than allowed.
    #[error(
        "costs more than four times a hash made here, or more than 64 MiB of memory; \
         `kayan admin user import --allow-costly` takes it"
    )]
    Costly,
}

/// A computation that sends its result itself.
pub type Work = Box<dyn FnOnce() + Send>;

/// Hashes and verifies passwords.
///
/// An implementation must
/// - never compute on the caller's thread: hashing takes tens of milliseconds by design;
/// - limit the waiting work and answer `Overloaded` beyond it, and let no tenant starve the others (I-40);
/// - do the work of one new hash when `verify` gets `None`, and never match (I-08);
/// - do additional work when an outdated, cheaper hash does not match, so that it takes as long as a new one (I-08);
/// - never truncate: `hash` refuses what the format can't take, `verify` does the work and answers `Mismatch` (I-17).
///   The one exception is a bcrypt hash from `adopt`: it is compared with the first 72 bytes of the password, as in the
///   system that it comes from.
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// Hashes a password in today's format with a fresh salt, on the queue of this tenant.
    async fn hash(&self, tenant: &TenantId, password: &Password) -> Result<PasswordHash, HashError>;

    /// Compares a password with a hash of any known format; `None` stands for an account that does not exist.
    async fn verify(
        &self,
        tenant: &TenantId,
        against: Option<&PasswordHash>,
        password: &Password,
    ) -> Result<Verdict, HashError>;

    /// Runs other work of a tenant that takes too long for the caller's thread; returns when it is done.
    async fn compute(&self, tenant: &TenantId, work: Work) -> Result<(), HashError>;

    /// The form in which to store an imported hash, if `verify` can match it and it costs at most `most`. Computes no
    /// hash.
    fn adopt(&self, hash: &PasswordHash, most: HashCost) -> Result<PasswordHash, AdoptError>;

    /// The longest password that `hash` accepts, in bytes of UTF-8.
    fn max_bytes(&self) -> usize;
}
