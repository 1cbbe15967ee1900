//! Changes the owner's e-mail address once the new one is proven by the link that was mailed to it.

use kayan_ports::{
    AuthenticatedSession, Change, CommitError, EventType, Guard, Identifier, Identity, MessageKind, NamedIdentifier,
    OneTimePurpose, Timestamp, Unique,
};
use serde_json::Value;
use time::Duration;

use crate::{
    Caller, Failure, FieldError, Kayan, RequestLinkError, Token,
    account::{
        identity::path,
        update::{PatchError, setting},
    },
    flow::{ByMail, InvalidLink, OpenedLink, own_link::OwnLink, void},
    message::enqueue::{Outgoing, is_verified},
    policy::{disposable, identifier},
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
    /// No link can be sent, whatever the address.
    #[error(transparent)]
    Link(#[from] RequestLinkError),
    /// It is no e-mail address, or the schema does not take it.
    #[error("the address is not valid")]
    Invalid(Vec<FieldError>),
    /// It is an address of the caller.
    #[error("this is your address already")]
    Unchanged,
    /// The caller has no address whose place it could take.
    #[error("you have no e-mail address to change: set one by updateMe")]
    NoAddress,
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
        let me = self.authenticate(caller, now).await.map_err(RequestLinkError::from)?;
        self.may_request_link(&me, now).await?;
        let (old, new) = self.old_and_new(&me, address, now)?;
        Ok(self.request_own_link(caller, &me, new_address_link(&old.value, &new), now).await?)
    }

    /// The address of a user that changes, and the one that takes its place.
    fn old_and_new(
        &self,
        AuthenticatedSession { identity, settings, .. }: &AuthenticatedSession,
        address: &str,
        now: Timestamp,
    ) -> Result<(NamedIdentifier, Identifier), RequestEmailChangeError> {
        let invalid =
            |field| RequestEmailChangeError::Invalid(vec![FieldError { pointer: "/email".to_owned(), ..field }]);
        let wrong = || invalid(FieldError::new("/email", "format", "must be an e-mail address, as in ada@example.com"));
        let new = identifier::address(address).map_err(|_| wrong())?;
        let old = self.main_address(identity).ok_or(RequestEmailChangeError::NoAddress)?;
        if self.addresses(identity).contains(&new) {
            return Err(RequestEmailChangeError::Unchanged);
        }
        match self.patched(identity, &setting(&old.field, Value::from(new.as_str())), None, now) {
            Err(PatchError::Invalid(fields)) => Err(fields.into_iter().next().map_or_else(wrong, invalid)),
            Ok(_) | Err(PatchError::LastIdentifier) => {
                let named = NamedIdentifier { field: old.field.clone(), value: new.clone() };
                match disposable::judge(settings, [&named]).pop() {
                    Some(field) => Err(invalid(field)),
                    None => Ok((old, new)),
                }
            }
        }
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
        let mut mail = Outgoing::with_secret(caller, MessageKind::EmailRevert, (after, &old.value), secret);
        mail.content.values.insert("new_address".to_owned(), Value::from(new.masked()));
        Ok(vec![issue, self.enqueue(mail).await?])
    }
}

/// The link that puts a new address in the place of the old one.
pub(crate) fn new_address_link(old: &Identifier, new: &Identifier) -> OwnLink {
    let replaces = Some(old.as_str().to_owned());
    OwnLink {
        purpose: OneTimePurpose::EmailChange,
        kind: MessageKind::EmailChange,
        kept: ByMail { address: new.as_str().to_owned(), replaces, ..ByMail::default() },
        lifetime: LIFETIME,
        event: "the owner requested a change of the e-mail address",
    }
}

#[cfg(test)]
pub(super) mod tests;
