//! Stored responses, so that a request that is repeated under its idempotency key gets the same one.

use async_trait::async_trait;

use crate::{Failure, IdentityId, TenantId, Timestamp};

/// The response to a request that was made under an idempotency key of the operator's choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResponse {
    /// The tenant that was asked in.
    pub tenant: TenantId,
    /// The exact credential that asked, such as `token/` and an id, and before it `system/` if it acted in all tenants.
    pub operator: String,
    /// The key, 1 to 255 visible ASCII characters.
    pub key: String,
    /// The request's fingerprint, which does not reveal what was asked.
    pub request: [u8; 32],
    /// The identity that the response shows: it is deleted with that one.
    pub about: Option<IdentityId>,
    /// The response, as JSON. It holds no secret.
    pub response: String,
    /// When.
    pub at: Timestamp,
}

/// Reads stored responses.
///
/// An implementor keeps what [`Store`](crate::Store) promises.
#[async_trait]
pub trait StoredResponses: Send + Sync {
    /// The response that was stored for this operator under this key.
    async fn stored_response(
        &self,
        tenant: &TenantId,
        operator: &str,
        key: &str,
    ) -> Result<Option<StoredResponse>, Failure>;
}
