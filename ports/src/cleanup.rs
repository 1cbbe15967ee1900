//! Rows that have expired, and can be removed.

use async_trait::async_trait;

use crate::{Failure, Timestamp};

/// What has expired, in all tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired {
    /// Sessions whose absolute end was before this, with their refresh tokens.
    pub sessions: Timestamp,
    /// Attempts whose last was before this.
    pub attempts: Timestamp,
    /// Known networks without a login since this.
    pub networks: Timestamp,
    /// Revocations of admin tokens that ended before this.
    pub revocations: Timestamp,
    /// Responses that were stored before this.
    pub responses: Timestamp,
}

/// Finds what has expired.
///
/// An implementor keeps what [`Store`](crate::Store) promises.
#[async_trait]
pub trait Cleanup: Send + Sync {
    /// Whether anything of it is there.
    async fn has_expired(&self, expired: &Expired) -> Result<bool, Failure>;
}
