//! Verifies a phone number by the code that was sent to it.

use kayan_ports::{CommitError, EventType, Guard, Identifier, OneTimePurpose};
use zeroize::Zeroizing;

use crate::{
    Caller, Failure, Kayan,
    account::identity::path,
    flow::OpenedLink,
    policy::identifier,
    user::change::{ROUNDS, keeps_changing},
};

/// Verifies a phone number.
#[derive(Debug)]
pub struct VerifyPhone {
    /// The phone number that the code was sent to.
    pub phone: String,
    /// The code: six digits, spaces are ignored.
    pub code: Zeroizing<String>,
}

/// Why no phone number was verified.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyPhoneError {
    /// The code is wrong, expired or used up, or there was none.
    #[error("the code is wrong, expired or used up")]
    InvalidCode,
    /// The tenant is unknown or inactive.
    #[error("unknown tenant")]
    NoTenant,
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// Marks the phone number that a code was sent to as verified. It needs no session: the code proves that the SMS was read.
    /// Each try is counted before the code is looked at; five void it.
    pub async fn verify_phone(&self, caller: &Caller, cmd: &VerifyPhone) -> Result<String, VerifyPhoneError> {
        // What is no phone number is treated like an unknown one.
        let phone = identifier::canonical(&cmd.phone).ok().filter(Identifier::is_phone);
        let phone = phone.unwrap_or_else(|| Identifier::from_canonical(String::new()));
        self.active_tenant(caller).await?.ok_or(VerifyPhoneError::NoTenant)?;
        for _ in 0..ROUNDS {
            let (purpose, now) = (OneTimePurpose::Verification, self.clock.now());
            let opened = self.opened_by_code(caller, purpose, (&phone, &cmd.code), now).await?;
            let OpenedLink { using, identity, address, .. } = opened.ok_or(VerifyPhoneError::InvalidCode)?;
            let (verify, _) = self.verified_address(&identity, &address, now);
            let event = self
                .event(caller, EventType::AddressVerified, now, "a phone number was verified by a code")
                .by(identity.id)
                .resource(path(&identity))
                .with("address", address.masked());
            match self.store.changes.commit(vec![verify, using, event.record()]).await {
                Ok(()) => return Ok(address.as_str().to_owned()),
                Err(CommitError::Stale(Guard::OneTime)) => return Err(VerifyPhoneError::InvalidCode),
                Err(CommitError::Stale(Guard::Identity)) => {}
                Err(other) => return Err(Failure::from(other).into()),
            }
        }
        Err(keeps_changing().into())
    }
}

#[cfg(test)]
pub(crate) mod tests;
