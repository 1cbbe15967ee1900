//! Admin tokens: signed, narrowed by whoever holds them, and revoked by their ids.

use std::fmt;

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::{AdminTokenId, Failure, Scope, SigningKey, TenantId, Timestamp};

/// A token as text, `kya_…`: a secret of its holder, which prints redacted.
#[derive(Clone, PartialEq, Eq)]
pub struct AdminTokenText(Zeroizing<String>);

impl AdminTokenText {
    /// How every one begins.
    pub const PREFIX: &'static str = "kya_";

    /// The text itself; for its holder and for adapters only.
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

/// What the first block of a token says, or what a later one leaves of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bounds {
    /// Patterns of permissions; nothing: all that the blocks before leave. Made of `a-z 0-9 - _ . : *` only.
    pub permissions: Option<Vec<String>>,
    /// The one tenant that it is good in; nothing: wherever the blocks before leave.
    pub tenant: Option<TenantId>,
    /// When it ends, a whole second; nothing: when the blocks before say.
    pub expires_at: Option<Timestamp>,
}

/// A part of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenBlock {
    /// Its id; revoking it kills every token that has this block. The first one's is the token's.
    pub id: AdminTokenId,
    /// What it says.
    pub bounds: Bounds,
}

/// A token whose signatures are right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminToken {
    /// What it was called by who made it: 1 to 64 of `A-Z a-z 0-9 - _ . @` and blanks.
    pub name: String,
    /// The first one grants, each later one narrows.
    pub first: TokenBlock,
    /// The later ones, in their order.
    pub later: Vec<TokenBlock>,
    /// Whether every check of every block held at the moment that was asked about: it has not ended, and no two of its
    /// blocks name different tenants.
    pub holds: bool,
}

/// Why a text is no token, or none that can be made or narrowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdminTokenError {
    /// It is not written as one: other beginning, cut off, too long.
    #[error("this is no admin token: one begins with kya_ and is at most 4096 characters long")]
    Malformed,
    /// Somebody else signed it, or it was changed.
    #[error("this admin token was not signed by this service, or was changed")]
    Forged,
    /// A block of that number, from 0, says something that is not understood, and so can't be honoured.
    #[error(
        "block {0} of this admin token says something that Kayan does not know; narrow tokens with `kayan admin token \
         attenuate`"
    )]
    Strange(usize),
    /// It can't be narrowed any further.
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

/// Makes, narrows and reads admin tokens.
///
/// An implementor must
/// - read as a token only what `issue` made with the same key and what `narrow` made from that;
/// - let a later block narrow and never widen, whoever wrote it and with whatever tool: one that it does not understand
///   wholly makes the token `Strange`;
/// - take no more than a millisecond or so, whatever the text is;
/// - put nothing of a token into an error's text.
pub trait AdminTokens: Send + Sync {
    /// Signs a token of one block. Permissions, tenant and name are as [`Bounds`] and [`AdminToken`] say, and there is an end.
    fn issue(
        &self,
        key: &SigningKey,
        id: AdminTokenId,
        name: &str,
        bounds: &Bounds,
    ) -> Result<AdminTokenText, AdminTokenError>;

    /// Adds a block. Needs no key, and does not know whether the token is any good.
    fn narrow(&self, token: &AdminTokenText, bounds: &Bounds) -> Result<AdminTokenText, AdminTokenError>;

    /// Verifies every signature, and reads what the token says and whether that holds at `at`.
    fn read(&self, key: &SigningKey, token: &AdminTokenText, at: Timestamp) -> Result<AdminToken, AdminTokenError>;
}

/// The end of a token, or of a block and of what was narrowed by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// The block.
    pub id: AdminTokenId,
    /// Who ended it: the system, or a tenant, which ends tokens of its own only.
    pub by: Scope,
    /// When the token is dead anyhow, and this may be forgotten.
    pub expires_at: Timestamp,
    /// When.
    pub at: Timestamp,
}

/// Reads which admin tokens are revoked.
///
/// An implementor keeps what [`Store`](crate::Store) promises.
#[async_trait]
pub trait Revocations: Send + Sync {
    /// Those of these ids, of an admin token that is good in this scope, that are revoked: by the system, or by that tenant.
    async fn revocations(&self, of: &Scope, ids: &[AdminTokenId]) -> Result<Vec<AdminTokenId>, Failure>;
}
