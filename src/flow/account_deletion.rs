//! Deletes an account without a password, confirmed by the link that was mailed to its owner.

use kayan_ports::{CommitError, EventType, Guard, MessageKind, OneTimePurpose};
use time::Duration;

use crate::{
    Caller, Failure, Kayan, RequestLinkError, Token,
    account::identity::path,
    flow::{ByMail, InvalidLink, own_link::OwnLink},
    user::change::{ROUNDS, is_outdated, keeps_changing},
};

/// How long the link is good.
const LIFETIME: Duration = Duration::hours(1);

/// Why no link was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestDeletionError {
    /// It can't be, whatever the account.
    #[error(transparent)]
    Link(#[from] RequestLinkError),
    /// The account has a password, which confirms its deletion.
    #[error("your account has a password: delete it by deleteMe, with the password")]
    HasPassword,
    /// The account has no address to send a link to.
    #[error("your account has no e-mail address: set one by updateMe")]
    NoAddress,
}

impl From<Failure> for RequestDeletionError {
    fn from(failure: Failure) -> Self {
        Self::Link(failure.into())
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
        let me = self.authenticate(caller, now).await.map_err(RequestLinkError::from)?;
        let identity = &me.identity;
        self.may_request_link(&me, now).await?;
        if self.store.credentials.password(&(&identity.tenant).into(), identity.id).await?.is_some() {
            return Err(RequestDeletionError::HasPassword);
        }
        let address = self.main_address(identity).ok_or(RequestDeletionError::NoAddress)?.value;
        let link = OwnLink {
            purpose: OneTimePurpose::AccountDeletion,
            kind: MessageKind::AccountDeletion,
            kept: ByMail { address: address.as_str().to_owned(), ..ByMail::default() },
            lifetime: LIFETIME,
            event: "the owner requested a link that deletes the account",
        };
        Ok(self.request_own_link(caller, &me, link, now).await?)
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
