//! Opens the first session of a user who was invited, and sets the first password.

use kayan_ports::{Change, CredentialChange, EventType, Method, OneTimePurpose, Password, Tenant, Timestamp};

use crate::{
    Caller, Failure, Kayan, MfaChallenge, Opened, Token, Weakness,
    factor::password::NewPasswordOf,
    flow::{InvalidLink, OpenedLink},
    policy::tenant,
    session::open::EndLoginError,
};

/// Accepts an invitation.
#[derive(Debug)]
pub struct AcceptInvitation {
    /// The token of the link; `None` if it was not well-formed.
    pub token: Option<Token>,
    /// The first password; without one, the user logs in another way that the tenant allows.
    pub password: Option<Password>,
}

/// Why no session was opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AcceptInvitationError {
    /// The link is not good, or not any more.
    #[error(transparent)]
    InvalidLink(#[from] InvalidLink),
    /// The password is too weak; the link is still good.
    #[error(transparent)]
    WeakPassword(#[from] Weakness),
    /// The tenant allows login by password only; the link is still good.
    #[error("choose a password: this tenant allows no other login method")]
    PasswordRequired,
    /// The tenant allows no passwords; the link is still good.
    #[error("this tenant does not allow login by password: accept the invitation without one")]
    MethodDisabled,
    /// A second factor is required; the link is used up, and the password is set.
    #[error(transparent)]
    MfaRequired(#[from] MfaChallenge),
    /// The tenant requires a verified address, which a link that was not mailed does not prove; the link is used up, and the
    /// password is set.
    #[error("verify your e-mail address first")]
    Unverified,
    /// The tenant is unknown or inactive.
    #[error("unknown tenant")]
    NoTenant,
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// Opens a session for the user of an invitation, sets the first password if one is given, and marks the address as verified
    /// if the link was mailed to it. A second factor that is required has to be enrolled first, as at any login.
    pub async fn accept_invitation(
        &self,
        caller: &Caller,
        cmd: &AcceptInvitation,
    ) -> Result<Opened, AcceptInvitationError> {
        let opened = self.invitation_link(caller, cmd.token.as_ref()).await?;
        let Some(password) = &cmd.password else {
            if !self.has_other_way_in(&opened.tenant) {
                return Err(AcceptInvitationError::PasswordRequired);
            }
            return self.end_invitation(caller, opened, Vec::new(), self.clock.now()).await;
        };
        if !tenant::allows(&opened.tenant.settings, Method::Password) {
            return Err(AcceptInvitationError::MethodDisabled);
        }
        let OpenedLink { tenant, identity, .. } = &opened;
        let identifiers = self.schema.identify(&identity.traits).unwrap_or_default();
        let of = NewPasswordOf { tenant, identifiers: &identifiers, traits: &identity.traits };
        let password = self.accept_password::<AcceptInvitationError>(password, &of).await?;
        self.refuse_breached(&password, &tenant.settings).await?;
        let secret = self.hash_password(&caller.tenant, &password).await?;
        // Read again: hashing takes a while.
        let opened = self.invitation_link(caller, cmd.token.as_ref()).await?;
        let now = self.clock.now();
        let credential = self.new_password(&opened.identity, secret, now);
        let event = self
            .event(caller, EventType::PasswordChanged, now, "the first password was set by an invitation")
            .by(opened.identity.id);
        let changes = vec![Change::Credential(CredentialChange::Add(Box::new(credential))), event.record()];
        self.end_invitation(caller, opened, changes, now).await
    }

    /// What an invitation is good for now: it is for a user without a password.
    async fn invitation_link(
        &self,
        caller: &Caller,
        token: Option<&Token>,
    ) -> Result<OpenedLink, AcceptInvitationError> {
        let now = self.clock.now();
        let tenant = self.active_tenant(caller).await?.ok_or(AcceptInvitationError::NoTenant)?;
        let opened = self.opened_link(tenant, OneTimePurpose::Invitation, token, now).await?.ok_or(InvalidLink)?;
        let password = self.store.credentials.password(&(&caller.tenant).into(), opened.identity.id).await?;
        if password.is_some() { Err(InvalidLink.into()) } else { Ok(opened) }
    }

    /// Whether users of a tenant can log in without a password.
    fn has_other_way_in(&self, tenant: &Tenant) -> bool {
        let by_mail = || [Method::MagicLink, Method::Code].iter().any(|way| tenant::allows(&tenant.settings, *way));
        self.takes_passkeys(&tenant.id, &tenant.settings) || (self.sends_mail() && by_mail())
    }

    async fn end_invitation(
        &self,
        caller: &Caller,
        opened: OpenedLink,
        changes: Vec<Change>,
        now: Timestamp,
    ) -> Result<Opened, AcceptInvitationError> {
        match self.end_login_by_mail(caller, opened, (Method::MagicLink, changes), now).await {
            Ok(opened) => Ok(opened),
            Err(EndLoginError::MfaRequired(challenge)) => Err(challenge.into()),
            Err(EndLoginError::Unverified) => Err(AcceptInvitationError::Unverified),
            Err(EndLoginError::NotActive | EndLoginError::Outdated(_)) => Err(InvalidLink.into()),
            Err(EndLoginError::Failed(failure)) => Err(failure.into()),
        }
    }
}

#[cfg(test)]
mod tests;
