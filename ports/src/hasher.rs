//! The port to password hashing.

use std::fmt;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use crate::{Failure, PasswordHash, TenantId};

/// A password in the clear. Prints as `[redacted]` and is wiped from memory when dropped.
#[derive(Clone)]
pub struct Password(SecretString);

impl Password {
    /// The password's characters; for hashers and the password policy only.
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

/// The hash formats that the service makes; every one of them, whatever its cost, is verified.
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

/// What came of comparing a password with a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not the password.
    Mismatch,
    /// The password.
    Match,
    /// The password, but the hash is of another format or weaker than the one made today: hash it anew.
    MatchOutdated,
}

/// Why a hasher gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// The queue is full; try again later (I-40).
    #[error("the password hashing queue is full")]
    Overloaded,
    /// The password is longer than the format can take whole (I-17).
    #[error("the password is longer than {max_bytes} bytes")]
    TooLong {
        /// The longest that can be taken, in bytes of UTF-8.
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

/// How much a hash that was made elsewhere costs to verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HashCost {
    /// At most four times what a hash made here costs, and at most 64 MiB of memory.
    Ordinary,
    /// More, up to the limits of I-42: bcrypt at cost 15, argon2 with 1 GiB, 10 passes and 16 lanes, scrypt with N = 2^17,
    /// r = 8 and p = 10, PBKDF2 with 10 million rounds.
    Costly,
}

/// Why a hash that was made elsewhere is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AdoptError {
    /// No known format, damaged, or beyond the limits of I-42.
    #[error("must be a hash by bcrypt, argon2, scrypt or PBKDF2 of a bearable cost")]
    Unknown,
    /// More costly than was allowed.
    #[error(
        "costs more than four times a hash made here, or more than 64 MiB of memory; \
         `kayan admin user import --allow-costly` takes it"
    )]
    Costly,
}

/// A computation that answers in a way of its own.
pub type Work = Box<dyn FnOnce() + Send>;

/// Hashes and verifies passwords.
///
/// An implementor must
/// - never compute on the caller's thread: hashing takes tens of milliseconds by design;
/// - bound the work that waits and answer `Overloaded` beyond it, without letting one tenant keep out the others (I-40);
/// - do for `verify` against `None` the work of one hash of today's format, and never match (I-08);
/// - make up, when an outdated hash does not match, for the work that it cost less than one of today's (I-08);
/// - never truncate: `hash` refuses what the format can't take whole, `verify` does the work and says `Mismatch` (I-17).
///   The one exception is a bcrypt hash that `adopt` has taken in: it is compared by the first 72 bytes of the password,
///   as it was where it was made.
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// Hashes a password of somebody in this tenant in today's format with a fresh salt.
    async fn hash(&self, tenant: &TenantId, password: &Password) -> Result<PasswordHash, HashError>;

    /// Compares a password with a hash of any known format; `None` stands for an account that isn't there.
    async fn verify(
        &self,
        tenant: &TenantId,
        against: Option<&PasswordHash>,
        password: &Password,
    ) -> Result<Verdict, HashError>;

    /// Does other work for a tenant that takes too long for the caller's thread; done when this answers.
    async fn compute(&self, tenant: &TenantId, work: Work) -> Result<(), HashError>;

    /// The form in which a hash that was made elsewhere is kept, if `verify` can match it and it costs at most `most`.
    /// Computes nothing.
    fn adopt(&self, hash: &PasswordHash, most: HashCost) -> Result<PasswordHash, AdoptError>;

    /// The longest password that `hash` takes, in bytes of UTF-8.
    fn max_bytes(&self) -> usize;
}
