//! Devices: the browsers that an identity has logged in from.

use async_trait::async_trait;

use crate::{Client, DeviceId, Failure, IdentityId, TenantId, Timestamp, TokenHash};

/// A browser that an identity has logged in from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// The identity it belongs to. A browser that several identities log in from is a device of each.
    pub identity: IdentityId,
    /// The hash of the token that the browser keeps.
    pub token: TokenHash,
    /// The client of the last login.
    pub client: Client,
    /// When the identity first logged in from it.
    pub first_seen_at: Timestamp,
    /// When the identity last logged in from it.
    pub last_seen_at: Timestamp,
    /// Whether it stands in for the second factor.
    pub trust: Option<Trust>,
}

/// The trust in a device in place of the second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trust {
    /// Since when: the time of the login that proved the second factor.
    pub since: Timestamp,
    /// The tenant's epoch at that login. If the tenant's current epoch differs, the tenant has revoked all sessions since, and
    /// the trust is void.
    pub epoch: i64,
}

/// Reads devices.
///
/// An implementation must keep the guarantees of [`Store`](crate::Store).
#[async_trait]
pub trait Devices: Send + Sync {
    /// An identity's devices, the last used first.
    async fn devices(&self, tenant: &TenantId, identity: IdentityId) -> Result<Vec<Device>, Failure>;
}

/// A write to devices.
#[derive(Debug, Clone)]
pub enum DeviceChange {
    /// Adds a device, and of more than `most` of its identity removes the least recently used. If the identity has one with this
    /// token, that gets the client, the time and the trust of this one instead. Nothing is added to an identity that is not there.
    /// The list must lock the identity before, as opening a session does, so that of lists at once each sees what those before it
    /// have added.
    Add {
        /// The device.
        device: Box<Device>,
        /// How many an identity may have.
        most: u32,
    },
    /// Notes a login from a device; it has no guard, because the device may be forgotten meanwhile.
    Use {
        /// The tenant.
        tenant: TenantId,
        /// Whose.
        identity: IdentityId,
        /// Which.
        device: DeviceId,
        /// The client of the login.
        client: Client,
        /// The time of the login.
        at: Timestamp,
        /// From now on it is trusted, and known by the token with this hash.
        trust: Option<(TokenHash, Trust)>,
    },
    /// Changes nothing. Guard: the device is trusted since that time (`Guard::Device`), so that a trust that is made void meanwhile
    /// opens no session.
    Pin {
        /// The tenant.
        tenant: TenantId,
        /// Whose.
        identity: IdentityId,
        /// Which.
        device: DeviceId,
        /// Since when it is trusted.
        since: Timestamp,
    },
    /// Removes a device. Guard: the identity has it (`Guard::Device`).
    Forget {
        /// The tenant.
        tenant: TenantId,
        /// Whose.
        identity: IdentityId,
        /// Which.
        device: DeviceId,
    },
}
