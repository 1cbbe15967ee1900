//! Expired rows that can be removed.

use async_trait::async_trait;

use crate::{Failure, Timestamp};

/// What has expired, in all tenants, by the time before which it is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired {
    /// Sessions whose absolute end is before this, with their refresh tokens.
    pub sessions: Timestamp,
    /// Attempts, by the time of the last one under the same key.
    pub attempts: Timestamp,
    /// Known networks, by the time of the last login from there.
    pub networks: Timestamp,
    /// Devices, by the time of the last login from them.
    pub devices: Timestamp,
    /// Revocations of admin tokens that expired before this.
    pub revocations: Timestamp,
    /// Responses that were stored before this.
    pub responses: Timestamp,
    /// One-time tokens that expired before this.
    pub one_time: Timestamp,
    /// Messages that were delivered or given up before this.
    pub messages: Timestamp,
}

/// Finds what has expired.
///
/// An implementation must keep the guarantees of [`Store`](crate::Store).
#[async_trait]
pub trait Cleanup: Send + Sync {
    /// Whether there is anything to remove.
    async fn has_expired(&self, expired: &Expired) -> Result<bool, Failure>;
}
