//! Stored responses, so that a repeated request with the same idempotency key gets the same response.

use async_trait::async_trait;

use crate::{Failure, IdentityId, TenantId, Timestamp};

/// The response to a request with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResponse {
    /// The tenant of the request.
    pub tenant: TenantId,
    /// The exact credential of the request, such as `token/` and an id, with the prefix `system/` if it acted in all
    /// tenants.
    pub operator: String,
    /// The key, 1 to 255 visible ASCII characters.
    pub key: String,
    /// The fingerprint of the request, which does not reveal the request.
    pub request: [u8; 32],
    /// The identity that the response shows; the response is deleted with it.
    pub about: Option<IdentityId>,
    /// The response, as JSON. It holds no secret.
    pub response: String,
    /// When it was stored.
    pub at: Timestamp,
}

/// Reads stored responses.
///
/// An implementation must keep the guarantees of [`Store`](crate::Store).
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
