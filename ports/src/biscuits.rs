//! Biscuits for users: signed facts that other services verify offline, and that their holders can narrow.

use zeroize::Zeroizing;

use crate::{Aal, Failure, IdentityId, SessionId, TenantId, Timestamp};

/// What the first block of a user's biscuit states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BiscuitFacts {
    /// The user.
    pub user: IdentityId,
    /// The tenant.
    pub tenant: TenantId,
    /// The session that asked for it.
    pub session: SessionId,
    /// The assurance level of the session.
    pub aal: Aal,
    /// The names of the user's roles.
    pub roles: Vec<String>,
    /// Permission patterns.
    pub permissions: Vec<String>,
    /// When it expires, in whole seconds.
    pub expires_at: Timestamp,
}

/// Signs biscuits for users.
///
/// An implementation must
/// - write each text as the one term of one fact, whatever characters it has;
/// - write the biscuit in the base64 of its specification, so that every biscuit library reads it;
/// - put no part of a key or a biscuit into an error's text.
pub trait UserBiscuits: Send + Sync {
    /// A biscuit of one block: the facts, and a check that it has not expired. `private` is a private key of Ed25519 from
    /// [`JwsKeys`](crate::JwsKeys); `root_key_id` is written into the biscuit, so that verifiers find the public half.
    fn sign(&self, private: &[u8], root_key_id: u32, facts: &BiscuitFacts) -> Result<Zeroizing<String>, Failure>;
}
