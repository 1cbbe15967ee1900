//! Changes the owner's e-mail address once the new one is proven by the link that was mailed to it.

use kayan_ports::{
    AuthenticatedSession, Change, CommitError, EventType, Guard, Identifier, Identity, MessageKind, NamedIdentifier,
    OneTimePurpose, Timestamp, Unique,
};
use serde_json::Value;
use time::Duration;

use crate::{
    AuthenticateError, Caller, Failure, FieldError, Kayan, LimitError, Limited, StepUpRequired, Token,
    account::{
        identity::path,
        update::{PatchError, setting},
    },
    flow::{ByMail, InvalidLink, OpenedLink, request::canonical_address, void},
    message::enqueue::{Outgoing, is_verified},
    session::step_up::{pin, require_step_up},
    user::change::{ROUNDS, keeps_changing},
};

/// How long the link to the new address is good.
const LIFETIME: Duration = Duration::hours(24);
/// How long the link to the old address is good, which puts it back.
const REVERT_LIFETIME: Duration = Duration::days(7);

/// What was mailed to the old address, and is void with it (I-14).
const VOIDED: [OneTimePurpose; 5] = [
    OneTimePurpose::Verification,
    OneTimePurpose::Recovery,
    OneTimePurpose::MagicLink,
    OneTimePurpose::LoginCode,
    OneTimePurpose::EmailChange,
];

/// Why no change was requested. None of the reasons tells whether another user has the address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestEmailChangeError {
    /// There is no valid session.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// The session does not prove enough.
    #[error(transparent)]
    StepUp(#[from] StepUpRequired),
    /// It is no e-mail address, or the schema does not take it.
    #[error("the address is not valid")]
    Invalid(Vec<FieldError>),
    /// It is an address of the caller.
    #[error("this is your address already")]
    Unchanged,
    /// The caller has no address whose place it could take.
    #[error("you have no e-mail address to change: set one by updateMe")]
    NoAddress,
    /// The service delivers no mail.
    #[error("this service sends no mail")]
    NoMail,
    /// Too many requests.
    #[error(transparent)]
    Limited(#[from] Limited),
}

impl From<Failure> for RequestEmailChangeError {
    fn from(failure: Failure) -> Self {
        Self::Authenticate(failure.into())
    }
}

impl From<LimitError> for RequestEmailChangeError {
    fn from(error: LimitError) -> Self {
        match error {
            LimitError::Limited(limited) => limited.into(),
            LimitError::Failed(failure) => failure.into(),
        }
    }
}

/// Why an address was not changed, or not put back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeEmailError {
    /// The link is not good, or not any more.
    #[error(transparent)]
    InvalidLink(#[from] InvalidLink),
    /// Another user has the address by now. Only a reader of the mail, whose address it is, learns this.
    #[error("another account has this address")]
    AlreadyExists,
    /// The tenant is unknown or inactive.
    #[error("unknown tenant")]
    NoTenant,
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// Mails a link to a new address of the caller, in a session with a recent proof. The address is changed when the link is
    /// used; a new request voids the link of the one before.
    ///
    /// **Invariant**: an address that another user has can't be told from one that nobody has (I-08): whose it is, is not
    /// looked up before the mail is delivered.
    pub async fn request_email_change(&self, caller: &Caller, address: &str) -> Result<(), RequestEmailChangeError> {
        let now = self.clock.now();
        let me = self.authenticate(caller, now).await?;
        require_step_up(&me.session, &self.my_usable_factors(&me).await?, now)?;
        if !self.sends_mail() {
            return Err(RequestEmailChangeError::NoMail);
        }
        let (old, new) = self.old_and_new(&me.identity, address, now)?;
        self.limit_mails(caller, &new).await?;
        let changes = self.begun_change(caller, &me, (&old.value, &new), now).await?;
        match self.store.changes.commit(changes).await {
            Ok(()) => Ok(()),
            Err(CommitError::Stale(Guard::Session | Guard::Identity)) => Err(AuthenticateError::Unauthorized.into()),
            Err(other) => Err(Failure::from(other).into()),
        }
    }

    /// The address of a user that changes, and the one that takes its place.
    fn old_and_new(
        &self,
        identity: &Identity,
        address: &str,
        now: Timestamp,
    ) -> Result<(NamedIdentifier, Identifier), RequestEmailChangeError> {
        let invalid = |field| RequestEmailChangeError::Invalid(vec![field]);
        let wrong = || invalid(FieldError::new("/email", "format", "must be an e-mail address, as in ada@example.com"));
        let new = canonical_address(address).ok_or_else(wrong)?;
        let old = self.main_address(identity).ok_or(RequestEmailChangeError::NoAddress)?;
        if self.addresses(identity).contains(&new) {
            return Err(RequestEmailChangeError::Unchanged);
        }
        match self.patched(identity, &setting(&old.field, Value::from(new.as_str())), None, now) {
            Err(PatchError::Invalid(fields)) => {
                let first = fields.into_iter().next();
                let why =
                    first.map_or_else(wrong, |field| invalid(FieldError { pointer: "/email".to_owned(), ..field }));
                Err(why)
            }
            Ok(_) | Err(PatchError::LastIdentifier) => Ok((old, new)),
        }
    }

    async fn begun_change(
        &self,
        caller: &Caller,
        me: &AuthenticatedSession,
        (old, new): (&Identifier, &Identifier),
        now: Timestamp,
    ) -> Result<Vec<Change>, Failure> {
        let identity = &me.identity;
        let replaces = Some(old.as_str().to_owned());
        let kept = ByMail { address: new.as_str().to_owned(), replaces, ..ByMail::default() };
        let (_, secret, issue) = self.new_link(identity, OneTimePurpose::EmailChange, &kept, (now, LIFETIME))?;
        let mail = self.enqueue(Outgoing::with_link(caller, MessageKind::EmailChange, (identity, new), secret)).await?;
        let event = self
            .event(caller, EventType::MessageRequested, now, "the owner requested a change of the e-mail address")
            .by(identity.id)
            .session(me.session.id)
            .with("kind", MessageKind::EmailChange.as_str())
            .with("address", new.masked());
        let voiding = void(identity, OneTimePurpose::EmailChange);
        Ok(vec![voiding, pin(&me.session), issue, mail, event.record()])
    }

    /// Puts the address that a link was mailed to in the place of the old one, verified, and returns it. The old one gets a link
    /// that puts it back. It needs no session: the link proves that the mail was read.
    pub async fn change_email(&self, caller: &Caller, token: Option<&Token>) -> Result<String, ChangeEmailError> {
        for _ in 0..ROUNDS {
            let now = self.clock.now();
            let tenant = self.active_tenant(caller).await?.ok_or(ChangeEmailError::NoTenant)?;
            let opened = self.opened_link(tenant, OneTimePurpose::EmailChange, token, now).await?.ok_or(InvalidLink)?;
            let changes = self.changed_email(caller, &opened, now).await?.ok_or(InvalidLink)?;
            match self.store.changes.commit(changes).await {
                Ok(()) => return Ok(opened.address.as_str().to_owned()),
                Err(CommitError::Stale(Guard::OneTime)) => return Err(InvalidLink.into()),
                Err(CommitError::Conflict(Unique::Identifier)) => return Err(ChangeEmailError::AlreadyExists),
                Err(CommitError::Stale(Guard::Identity)) => {}
                Err(other) => return Err(Failure::from(other).into()),
            }
        }
        Err(keeps_changing().into())
    }

    /// The changes; `None` if the new address no longer fits into the traits.
    async fn changed_email(
        &self,
        caller: &Caller,
        opened: &OpenedLink,
        now: Timestamp,
    ) -> Result<Option<Vec<Change>>, Failure> {
        let OpenedLink { using, identity, address: new, kept, .. } = opened;
        let before = self.schema.identify(&identity.traits).unwrap_or_default();
        let is_old = |named: &&NamedIdentifier| Some(named.value.as_str()) == kept.replaces.as_deref();
        let Some(old) = before.iter().find(is_old) else { return Ok(None) };
        let patch = setting(&old.field, Value::from(new.as_str()));
        let Ok((after, replace)) = self.patched(identity, &patch, Some(new), now) else { return Ok(None) };
        let event = self
            .event(caller, EventType::AddressChanged, now, "the e-mail address was changed by a link to the new one")
            .by(identity.id)
            .resource(path(identity))
            .with("from", old.value.masked())
            .with("address", new.masked());
        let mut changes = vec![replace, using.clone()];
        changes.extend(VOIDED.map(|purpose| void(identity, purpose)));
        if is_verified(identity, &old.value) || self.addresses(identity).len() == 1 {
            changes.extend(self.revert_offer(caller, &after, (old, new), now).await?);
        }
        changes.push(event.record());
        Ok(Some(changes))
    }

    /// The changes that tell the old address, with a link that puts it back. It is part of the change, and so sent even where
    /// there are no notices (I-14).
    async fn revert_offer(
        &self,
        caller: &Caller,
        after: &Identity,
        (old, new): (&NamedIdentifier, &Identifier),
        now: Timestamp,
    ) -> Result<Vec<Change>, Failure> {
        if !self.sends_mail() {
            return Ok(Vec::new());
        }
        let (address, back_to) = (old.value.as_str().to_owned(), Some(old.field.clone()));
        let kept = ByMail { address, back_to, ..ByMail::default() };
        let (_, secret, issue) = self.new_link(after, OneTimePurpose::EmailRevert, &kept, (now, REVERT_LIFETIME))?;
        let mut mail = Outgoing::with_link(caller, MessageKind::EmailRevert, (after, &old.value), secret);
        mail.content.values.insert("new_address".to_owned(), Value::from(new.masked()));
        Ok(vec![issue, self.enqueue(mail).await?])
    }
}

#[cfg(test)]
pub(super) mod tests;
