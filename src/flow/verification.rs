//! Verifies an address by the link that was mailed to it.

use kayan_ports::{CommitError, EventType, Guard, OneTimePurpose};

use crate::{
    Caller, Failure, Kayan, Token,
    account::identity::path,
    flow::{InvalidLink, OpenedLink},
    user::change::{ROUNDS, keeps_changing},
};

/// Why no address was verified.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyAddressError {
    /// The link is not good, or not any more.
    #[error(transparent)]
    InvalidLink(#[from] InvalidLink),
    /// The tenant is unknown or inactive.
    #[error("unknown tenant")]
    NoTenant,
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// Marks the address that a link was mailed to as verified. The link needs no session: it proves that the mail was read.
    pub async fn verify_address(&self, caller: &Caller, token: Option<&Token>) -> Result<String, VerifyAddressError> {
        for _ in 0..ROUNDS {
            let now = self.clock.now();
            let tenant = self.active_tenant(caller).await?.ok_or(VerifyAddressError::NoTenant)?;
            let opened = self.opened_link(tenant, OneTimePurpose::Verification, token, now).await?;
            let OpenedLink { using, identity, address, .. } = opened.ok_or(InvalidLink)?;
            let (verify, _) = self.verified_address(&identity, &address, now);
            let event = self
                .event(caller, EventType::AddressVerified, now, "an address was verified by a link")
                .by(identity.id)
                .resource(path(&identity))
                .with("address", address.masked());
            match self.store.changes.commit(vec![verify, using, event.record()]).await {
                Ok(()) => return Ok(address.as_str().to_owned()),
                Err(CommitError::Stale(Guard::OneTime)) => return Err(InvalidLink.into()),
                Err(CommitError::Stale(Guard::Identity)) => {}
                Err(other) => return Err(Failure::from(other).into()),
            }
        }
        Err(keeps_changing().into())
    }
}
