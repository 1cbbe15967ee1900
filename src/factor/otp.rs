//! Codes by mail or SMS as a second factor, for users who have no other, where the tenant allows them.

pub(crate) mod request;
pub(crate) mod verify;

use kayan_ports::{Channel, Identifier, Identity, Method, MethodUse, TenantId, TenantSettings, TokenHash};
use sha2::{Digest, Sha256};

use crate::{Kayan, message::enqueue::is_verified};

impl Kayan {
    /// The verified addresses and phone numbers of a user that a code can be sent to as a second factor, those of the channel
    /// that the tenant prefers first.
    ///
    /// **Invariant**: there are none for a user with an authenticator app or a passkey, which a code must not weaken, and none
    /// after anything but a password: a link and a code to one mailbox are one factor (I-19).
    pub(crate) fn code_addresses(
        &self,
        identity: &Identity,
        settings: &TenantSettings,
        enrolled: &[Method],
        proven: &[MethodUse],
    ) -> Vec<Identifier> {
        let is_stronger = |method: &Method| match method {
            Method::Totp => true,
            Method::Webauthn => self.takes_passkeys(&identity.tenant, settings),
            _ => false,
        };
        let by_password = proven.iter().all(|used| matches!(used.method, Method::Password | Method::Otp));
        if settings.mfa_code_channels.is_empty() || enrolled.iter().any(is_stronger) || !by_password {
            return Vec::new();
        }
        let mut addresses = self.contacts(identity);
        let rank = |address: &Identifier| {
            settings.mfa_code_channels.iter().position(|channel| *channel == Channel::to(address))
        };
        let can_reach = |address: &Identifier| self.sends_by(Channel::to(address)) && is_verified(identity, address);
        addresses.retain(|address| rank(address).is_some() && can_reach(address));
        addresses.sort_by_key(rank);
        addresses
    }
}

/// Where the code of a login or of a session is kept: one at a time, so that a new one voids the last (I-03). `of` is the hash of
/// the MFA token, or the id of the session: a code that another login has caused is worth nothing here.
fn slot(tenant: &TenantId, of: &[u8]) -> TokenHash {
    let hash = Sha256::new().chain_update("kayan mfa code 1\0").chain_update(tenant.as_str());
    TokenHash(hash.chain_update("\0").chain_update(of).finalize().into())
}

#[cfg(test)]
mod tests;
