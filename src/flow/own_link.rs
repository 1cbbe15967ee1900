//! Mails the caller a link that changes the account once it is opened.

use kayan_ports::{
    AuthenticatedSession, Change, CommitError, EventType, Guard, Identifier, MessageKind, OneTimePurpose, Timestamp,
};
use time::Duration;

use crate::{
    AuthenticateError, Caller, Failure, Kayan, Limited, StepUpRequired,
    flow::{ByMail, void},
    message::enqueue::Outgoing,
    session::step_up::{pin, require_step_up},
};

/// Why no link was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestLinkError {
    /// There is no valid session.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// The session does not prove enough.
    #[error(transparent)]
    StepUp(#[from] StepUpRequired),
    /// The service delivers no mail.
    #[error("this service sends no mail")]
    NoMail,
    /// Too many requests.
    #[error(transparent)]
    Limited(#[from] Limited),
}

impl From<Failure> for RequestLinkError {
    fn from(failure: Failure) -> Self {
        Self::Authenticate(failure.into())
    }
}

/// A link that a user requests for the own account.
pub(crate) struct OwnLink {
    pub(crate) purpose: OneTimePurpose,
    pub(crate) kind: MessageKind,
    /// What is kept with it: the address that it is mailed to, and what that one replaces.
    pub(crate) kept: ByMail,
    pub(crate) lifetime: Duration,
    /// What happened, for the audit trail.
    pub(crate) event: &'static str,
}

impl Kayan {
    /// Requires what such a link takes: a recent proof, at aal2 if the user has a second factor, and a service that sends mail.
    pub(crate) async fn may_request_link(
        &self,
        me: &AuthenticatedSession,
        now: Timestamp,
    ) -> Result<(), RequestLinkError> {
        require_step_up(&me.session, &self.my_usable_factors(me).await?, now)?;
        if self.sends_mail() { Ok(()) } else { Err(RequestLinkError::NoMail) }
    }

    /// The changes that mail a link in place of the one before.
    pub(crate) async fn own_link(
        &self,
        caller: &Caller,
        me: &AuthenticatedSession,
        link: OwnLink,
        now: Timestamp,
    ) -> Result<Vec<Change>, Failure> {
        let OwnLink { purpose, kind, kept, lifetime, event } = link;
        let (identity, address) = (&me.identity, Identifier::from_canonical(kept.address.clone()));
        let (_, secret, issue) = self.new_link(identity, purpose, &kept, (now, lifetime))?;
        let mail = self.enqueue(Outgoing::with_secret(caller, kind, (identity, &address), secret)).await?;
        let event = self
            .event(caller, EventType::MessageRequested, now, event)
            .by(identity.id)
            .session(me.session.id)
            .with("kind", kind.as_str())
            .with("address", address.masked());
        Ok(vec![void(identity, purpose), pin(&me.session), issue, mail, event.record()])
    }

    /// Mails a link in place of the one before, within the limits of mail.
    pub(crate) async fn request_own_link(
        &self,
        caller: &Caller,
        me: &AuthenticatedSession,
        link: OwnLink,
        now: Timestamp,
    ) -> Result<(), RequestLinkError> {
        let address = Identifier::from_canonical(link.kept.address.clone());
        self.limit_mails::<RequestLinkError>(caller, &address).await?;
        let changes = self.own_link(caller, me, link, now).await?;
        match self.store.changes.commit(changes).await {
            Ok(()) => Ok(()),
            Err(CommitError::Stale(Guard::Session | Guard::Identity)) => Err(AuthenticateError::Unauthorized.into()),
            Err(other) => Err(Failure::from(other).into()),
        }
    }
}
