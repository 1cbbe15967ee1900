//! Deletes an account without a password, confirmed by the link that was mailed to its owner.

use kayan_ports::{
    AuthenticatedSession, Change, CommitError, EventType, Guard, Identifier, MessageKind, OneTimePurpose, Timestamp,
};
use time::Duration;

use crate::{
    AuthenticateError, Caller, Failure, Kayan, LimitError, Limited, StepUpRequired, Token,
    account::identity::path,
    flow::{ByMail, InvalidLink, void},
    message::enqueue::Outgoing,
    session::step_up::{pin, require_step_up},
    user::change::{ROUNDS, is_outdated, keeps_changing},
};

/// How long the link is good.
const LIFETIME: Duration = Duration::hours(1);

/// Why no link was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestDeletionError {
    /// There is no valid session.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// The session does not prove enough.
    #[error(transparent)]
    StepUp(#[from] StepUpRequired),
    /// The account has a password, which confirms its deletion.
    #[error("your account has a password: delete it by deleteMe, with the password")]
    HasPassword,
    /// The account has no address to send a link to.
    #[error("your account has no e-mail address: set one by updateMe")]
    NoAddress,
    /// The service delivers no mail.
    #[error("this service sends no mail")]
    NoMail,
    /// Too many requests.
    #[error(transparent)]
    Limited(#[from] Limited),
}

impl From<Failure> for RequestDeletionError {
    fn from(failure: Failure) -> Self {
        Self::Authenticate(failure.into())
    }
}

impl From<LimitError> for RequestDeletionError {
    fn from(error: LimitError) -> Self {
        match error {
            LimitError::Limited(limited) => limited.into(),
            LimitError::Failed(failure) => failure.into(),
        }
    }
}

/// Why the account was not deleted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeleteByLinkError {
    /// The link is not good, or not any more.
    #[error(transparent)]
    InvalidLink(#[from] InvalidLink),
    /// The tenant would be left without an administrator.
    #[error("this is the last active user with the role `admin`; give the role to another user first")]
    LastAdmin,
    /// The tenant is unknown or inactive.
    #[error("unknown tenant")]
    NoTenant,
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// Mails the caller, who has no password, a link that deletes the account, in a session with a recent proof. A new request
    /// voids the link of the one before.
    pub async fn request_account_deletion(&self, caller: &Caller) -> Result<(), RequestDeletionError> {
        let now = self.clock.now();
        let me = self.authenticate(caller, now).await?;
        let identity = &me.identity;
        require_step_up(&me.session, &self.my_usable_factors(&me).await?, now)?;
        if self.store.credentials.password(&(&identity.tenant).into(), identity.id).await?.is_some() {
            return Err(RequestDeletionError::HasPassword);
        }
        if !self.sends_mail() {
            return Err(RequestDeletionError::NoMail);
        }
        let address = self.main_address(identity).ok_or(RequestDeletionError::NoAddress)?.value;
        self.limit_mails(caller, &address).await?;
        let changes = self.begun_deletion(caller, &me, &address, now).await?;
        match self.store.changes.commit(changes).await {
            Ok(()) => Ok(()),
            Err(CommitError::Stale(Guard::Session | Guard::Identity)) => Err(AuthenticateError::Unauthorized.into()),
            Err(other) => Err(Failure::from(other).into()),
        }
    }

    async fn begun_deletion(
        &self,
        caller: &Caller,
        me: &AuthenticatedSession,
        address: &Identifier,
        now: Timestamp,
    ) -> Result<Vec<Change>, Failure> {
        let (identity, purpose, kind) = (&me.identity, OneTimePurpose::AccountDeletion, MessageKind::AccountDeletion);
        let kept = ByMail { address: address.as_str().to_owned(), ..ByMail::default() };
        let (_, secret, issue) = self.new_link(identity, purpose, &kept, (now, LIFETIME))?;
        let mail = self.enqueue(Outgoing::with_link(caller, kind, (identity, address), secret)).await?;
        let event = self
            .event(caller, EventType::MessageRequested, now, "the owner requested a link that deletes the account")
            .by(identity.id)
            .session(me.session.id)
            .with("kind", kind.as_str())
            .with("address", address.masked());
        Ok(vec![void(identity, purpose), pin(&me.session), issue, mail, event.record()])
    }

    /// Deletes the account of a link, if it still has no password. The audit trail keeps its events.
    pub async fn delete_by_link(&self, caller: &Caller, token: Option<&Token>) -> Result<(), DeleteByLinkError> {
        for _ in 0..ROUNDS {
            let now = self.clock.now();
            let tenant = self.active_tenant(caller).await?.ok_or(DeleteByLinkError::NoTenant)?;
            let opened = self.opened_link(tenant, OneTimePurpose::AccountDeletion, token, now).await?;
            let opened = opened.ok_or(InvalidLink)?;
            let identity = &opened.identity;
            if self.store.credentials.password(&(&identity.tenant).into(), identity.id).await?.is_some() {
                return Err(InvalidLink.into());
            }
            let farewell = self
                .event(caller, EventType::IdentityDeleted, now, "the owner deleted the account by a link")
                .by(identity.id)
                .resource(path(identity));
            let changes = self.own_deletion(identity, opened.using.clone(), farewell).await?;
            match self.store.changes.commit(changes).await {
                Ok(()) => return Ok(()),
                Err(error) if is_outdated(&error) => {}
                Err(CommitError::Stale(Guard::OneTime)) => return Err(InvalidLink.into()),
                Err(CommitError::Stale(Guard::LastAdmin)) => return Err(DeleteByLinkError::LastAdmin),
                Err(other) => return Err(Failure::from(other).into()),
            }
        }
        Err(keeps_changing().into())
    }
}

#[cfg(test)]
mod tests;
