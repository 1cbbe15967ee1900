//! The port to a list of passwords that are known from breaches.

use async_trait::async_trait;

use crate::{Failure, Password};

/// Knows passwords from breaches.
///
/// An implementation must
/// - disclose neither the password nor its whole hash to anyone;
/// - answer within a few seconds, and with a `Failure` if it can't find out.
#[async_trait]
pub trait BreachedPasswords: Send + Sync {
    /// Whether the password is known from a breach.
    async fn is_breached(&self, password: &Password) -> Result<bool, Failure>;
}
