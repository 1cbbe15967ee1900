//! Whether a second factor is required of a user.

use kayan_ports::{Aal, AuthenticatedSession, Identity, Session, TenantSettings, Timestamp};

use crate::{
    Failure, Kayan,
    policy::tenant::{MfaRequired, mfa_required},
};

impl Kayan {
    /// Whether the tenant requires a second factor of this user now. Role definitions are at most five seconds old.
    pub(crate) async fn requires_factor(
        &self,
        identity: &Identity,
        settings: &TenantSettings,
        now: Timestamp,
    ) -> Result<bool, Failure> {
        match mfa_required(settings, now) {
            MfaRequired::OfNobody => Ok(false),
            MfaRequired::OfEveryone => Ok(true),
            MfaRequired::OfHolders(_) if identity.roles.is_empty() => Ok(false),
            MfaRequired::OfHolders(roles) => {
                Ok(self.definitions(&identity.tenant).await?.include(&identity.roles, roles))
            }
        }
    }

    /// Whether a session, opened before a second factor was required of its owner, lacks it now.
    pub(crate) async fn lacks_factor(
        &self,
        session: &Session,
        identity: &Identity,
        settings: &TenantSettings,
        now: Timestamp,
    ) -> Result<bool, Failure> {
        Ok(session.aal < Aal::Aal2 && self.requires_factor(identity, settings, now).await?)
    }

    /// The same for the session of a request.
    pub(crate) async fn i_lack_factor(&self, me: &AuthenticatedSession, now: Timestamp) -> Result<bool, Failure> {
        self.lacks_factor(&me.session, &me.identity, &me.settings, now).await
    }
}

#[cfg(test)]
mod tests;
