//! Admin tokens: signed, narrowed by their holders, and revoked by id.

use std::fmt;

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::{AdminTokenId, Failure, Scope, SigningKey, TenantId, Timestamp};

/// The text of a token, `kya_…`. Prints as `kya_[redacted]`.
#[derive(Clone, PartialEq, Eq)]
pub struct AdminTokenText(Zeroizing<String>);

impl AdminTokenText {
    /// The prefix of every token.
    pub const PREFIX: &'static str = "kya_";

    /// The text itself; only for its holder and for adapters.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for AdminTokenText {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl From<&str> for AdminTokenText {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl fmt::Debug for AdminTokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminTokenText(kya_[redacted])")
    }
}

/// What the first block of a token grants, or to what a later one narrows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bounds {
    /// Permission patterns of `a-z 0-9 - _ . : *`; `None`: all that the blocks before grant.
    pub permissions: Option<Vec<String>>,
    /// The only tenant it is valid in; `None`: as the blocks before say.
    pub tenant: Option<TenantId>,
    /// When it expires, in whole seconds; `None`: as the blocks before say.
    pub expires_at: Option<Timestamp>,
}

/// A block of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenBlock {
    /// Its id. Revoking it revokes every token that has this block. The id of the first block is the token's.
    pub id: AdminTokenId,
    /// What it grants or narrows.
    pub bounds: Bounds,
}

/// A token whose signatures were verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminToken {
    /// The name given at creation: 1 to 64 of `A-Z a-z 0-9 - _ . @` and spaces.
    pub name: String,
    /// The first block, which grants.
    pub first: TokenBlock,
    /// The later blocks in order, each of which narrows.
    pub later: Vec<TokenBlock>,
    /// Whether every check of every block passed at the given time: it has not expired, and no two blocks name
    /// different tenants.
    pub holds: bool,
}

/// Why a text is no valid token, or a token can't be created or narrowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdminTokenError {
    /// It has another prefix, is cut off, or is too long.
    #[error("this is no admin token: one begins with kya_ and is at most 4096 characters long")]
    Malformed,
    /// It was signed with another key, or was changed.
    #[error("this admin token was not signed by this service, or was changed")]
    Forged,
    /// The block with this number, from 0, says something unknown, so the token is refused.
    #[error(
        "block {0} of this admin token says something that Kayan does not know; narrow tokens with `kayan admin token \
         attenuate`"
    )]
    Strange(usize),
    /// It can't be narrowed further.
    #[error("this admin token can't be narrowed further: it is sealed, too long, or has 8 blocks already")]
    Full,
    /// A bug.
    #[error("the admin token could not be made: {0}")]
    Fault(String),
}

impl From<AdminTokenError> for Failure {
    fn from(error: AdminTokenError) -> Self {
        Self::Fault(error.to_string())
    }
}

/// Creates, narrows and reads admin tokens.
///
/// An implementation must
/// - accept only tokens that `issue` created with the same key, and those that `narrow` created from them;
/// - let a later block only narrow, by any author and with any tool: a block with something unknown makes the token
///   `Strange`;
/// - take about a millisecond at most, for any text;
/// - put no part of a token into an error's text.
pub trait AdminTokens: Send + Sync {
    /// Signs a token of one block. Permissions, tenant and name must be as [`Bounds`] and [`AdminToken`] say; an expiry
    /// is required.
    fn issue(
        &self,
        key: &SigningKey,
        id: AdminTokenId,
        name: &str,
        bounds: &Bounds,
    ) -> Result<AdminTokenText, AdminTokenError>;

    /// Adds a block. Needs no key, and does not verify the token.
    fn narrow(&self, token: &AdminTokenText, bounds: &Bounds) -> Result<AdminTokenText, AdminTokenError>;

    /// Verifies every signature, reads the blocks, and checks them at the time `at`.
    fn read(&self, key: &SigningKey, token: &AdminTokenText, at: Timestamp) -> Result<AdminToken, AdminTokenError>;
}

/// The revocation of a token, or of a block and every token that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// The block.
    pub id: AdminTokenId,
    /// Who revoked it: the system, or a tenant, which can revoke only its own tokens.
    pub by: Scope,
    /// When the token expires anyway; after that the revocation can be removed.
    pub expires_at: Timestamp,
    /// When it was revoked.
    pub at: Timestamp,
}

/// Reads which admin tokens are revoked.
///
/// An implementation must keep the guarantees of [`Store`](crate::Store).
#[async_trait]
pub trait Revocations: Send + Sync {
    /// Which of these ids, the blocks of a token valid in this scope, are revoked by the system or by that tenant.
    async fn revocations(&self, of: &Scope, ids: &[AdminTokenId]) -> Result<Vec<AdminTokenId>, Failure>;
}
