//! Answers that are kept, so that the same request made again gets the same one.

use crate::{IdentityId, TenantId, Timestamp};

/// The answer to a request that was made under a key of the operator's choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The tenant that was asked in.
    pub tenant: TenantId,
    /// The exact credential that asked, such as `token/` and an id, and before it `system/` if it acted in all tenants.
    pub operator: String,
    /// The key, 1 to 255 visible ASCII characters.
    pub key: String,
    /// The request's fingerprint, which tells nobody what was asked.
    pub request: [u8; 32],
    /// The identity that the answer shows: it goes when that goes.
    pub about: Option<IdentityId>,
    /// The answer, as JSON. It holds no secret.
    pub answer: String,
    /// When.
    pub at: Timestamp,
}
