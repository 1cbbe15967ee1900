//! Enqueues messages.

use std::time::Duration;

use kayan_ports::{
    Admission, Change, Channel, Identifier, Identity, IdentityId, Message, MessageId, MessageKind, MessageState,
    NamedIdentifier, OutboxChange, RateLimit, TenantId,
};
use serde_json::{Map, Value};

use crate::{
    Caller, Failure, Kayan,
    access::attempt,
    message::content::{Content, Secret},
    policy::identifier,
};

/// A user with this many recovery codes or fewer is notified.
const FEW_CODES: usize = 3;
const LOCK_NOTICES: RateLimit = RateLimit { name: "lock_notice", requests: 1, window: Duration::from_hours(1) };

/// To whom a message is, and what it says.
pub(crate) struct Outgoing {
    pub(crate) tenant: TenantId,
    /// `None` where the message must not tell whether there is such a user.
    pub(crate) identity: Option<IdentityId>,
    pub(crate) kind: MessageKind,
    pub(crate) recipient: String,
    /// As in an `Accept-Language` header.
    pub(crate) languages: String,
    pub(crate) content: Content,
}

impl Outgoing {
    /// A message to an address that a request names. Whose address it is, is looked up before it is delivered (I-08).
    pub(crate) fn to_address(caller: &Caller, kind: MessageKind, address: &Identifier) -> Self {
        Self {
            tenant: caller.tenant.clone(),
            identity: None,
            kind,
            recipient: address.as_str().to_owned(),
            languages: caller.languages.clone(),
            content: Content::of(&caller.client),
        }
    }

    /// The message that takes a link or a code to a user.
    pub(crate) fn with_secret(
        caller: &Caller,
        kind: MessageKind,
        (identity, address): (&Identity, &Identifier),
        secret: Secret,
    ) -> Self {
        let content = Content { secret: Some(secret), ..Content::of(&caller.client) };
        Self { identity: Some(identity.id), content, ..Self::to_address(caller, kind, address) }
    }
}

impl Kayan {
    /// Whether messages can be delivered, by mail or by SMS.
    pub fn sends_messages(&self) -> bool {
        self.messaging.is_some()
    }

    /// Whether mail can be delivered.
    pub fn sends_mail(&self) -> bool {
        self.sends_by(Channel::Mail)
    }

    /// Whether messages can be delivered in this way.
    pub(crate) fn sends_by(&self, channel: Channel) -> bool {
        self.messaging.as_ref().is_some_and(|messaging| messaging.deliverer(channel).is_some())
    }

    /// The change that enqueues a message.
    pub(crate) async fn enqueue(&self, outgoing: Outgoing) -> Result<Change, Failure> {
        Ok(Change::Outbox(OutboxChange::Enqueue(Box::new(self.message(outgoing).await?))))
    }

    /// A message that is due now.
    pub(crate) async fn message(&self, outgoing: Outgoing) -> Result<Message, Failure> {
        let Outgoing { tenant, identity, kind, recipient, languages, content } = outgoing;
        let now = self.clock.now();
        let id = MessageId(self.new_id(now));
        let data = self.seal_content(&tenant, id, &content).await?;
        Ok(Message {
            id,
            tenant,
            identity,
            kind,
            recipient,
            languages,
            data: Some(data),
            state: MessageState::Due,
            attempts: 0,
            due_at: now,
            error: None,
            created_at: now,
            finished_at: None,
        })
    }

    /// The change that sends the link that verifies an address, if mail is delivered.
    pub(crate) async fn verification_of(
        &self,
        caller: &Caller,
        address: &Identifier,
    ) -> Result<Option<Change>, Failure> {
        if !self.sends_mail() {
            return Ok(None);
        }
        self.enqueue(Outgoing::to_address(caller, MessageKind::Verification, address)).await.map(Some)
    }

    /// The change that notifies a user of a change to the security of the account; `None` where there are no notices, or no
    /// address. `caller` is `None` where an operator did it, whose IP address the message leaves out.
    pub(crate) async fn notice(
        &self,
        caller: Option<&Caller>,
        identity: &Identity,
        kind: MessageKind,
        values: Map<String, Value>,
    ) -> Result<Option<Change>, Failure> {
        if !self.has_notices() {
            return Ok(None);
        }
        let Some(recipient) = self.main_address(identity) else { return Ok(None) };
        // An operator also changes users of a tenant that is switched off, for which nothing can be enqueued.
        let is_active = match caller {
            Some(_) => true,
            None => self.store.tenants.tenant(&identity.tenant).await?.is_some_and(|tenant| tenant.active),
        };
        if !is_active {
            return Ok(None);
        }
        let content = Content { values, ..caller.map(|caller| Content::of(&caller.client)).unwrap_or_default() };
        let outgoing = Outgoing {
            tenant: identity.tenant.clone(),
            identity: Some(identity.id),
            kind,
            recipient: recipient.value.as_str().to_owned(),
            languages: caller.map(|caller| caller.languages.clone()).unwrap_or_default(),
            content,
        };
        self.enqueue(outgoing).await.map(Some)
    }

    /// The change that notifies a user that a factor of this name was added or removed.
    pub(crate) async fn factor_notice(
        &self,
        caller: Option<&Caller>,
        identity: &Identity,
        kind: MessageKind,
        name: &str,
    ) -> Result<Option<Change>, Failure> {
        let values = [("name".to_owned(), Value::from(name))].into_iter().collect();
        self.notice(caller, identity, kind, values).await
    }

    /// The change that notifies a user that few recovery codes are left.
    pub(crate) async fn codes_notice(
        &self,
        caller: &Caller,
        identity: &Identity,
        left: usize,
    ) -> Result<Option<Change>, Failure> {
        if left > FEW_CODES {
            return Ok(None);
        }
        let values = [("left".to_owned(), Value::from(left))].into_iter().collect();
        self.notice(Some(caller), identity, MessageKind::RecoveryCodesLow, values).await
    }

    /// Notifies the owner of an address, if it has one, that logins to the account are locked: once an hour at most. It is
    /// enqueued for every address (I-08).
    pub(crate) async fn notify_locked(&self, caller: &Caller, identifier: &Identifier) {
        if !self.has_notices() || !is_address(identifier) {
            return;
        }
        let (target, now) = (attempt::target(&caller.tenant, identifier), self.clock.now());
        let first = self.limiter.admit(&LOCK_NOTICES, &target.to_string(), now).await;
        if !matches!(first, Ok(Admission::Admitted { .. })) {
            return;
        }
        let outgoing = Outgoing::to_address(caller, MessageKind::AccountLocked, identifier);
        if let Ok(enqueue) = self.enqueue(outgoing).await {
            // The client gets its answer whether or not the message can be written.
            let _unwritten = self.commit(vec![enqueue]).await;
        }
    }

    fn has_notices(&self) -> bool {
        self.messaging.as_ref().is_some_and(|messaging| messaging.notices && messaging.mailer.is_some())
    }

    /// The address that a user is written to, and its trait: the first verified one, or else the first.
    pub(crate) fn main_address(&self, identity: &Identity) -> Option<NamedIdentifier> {
        let mut addresses = self.named_addresses(identity);
        let verified = addresses.iter().position(|named| is_verified(identity, &named.value));
        (!addresses.is_empty()).then(|| addresses.swap_remove(verified.unwrap_or_default()))
    }

    /// The e-mail addresses among the identifiers of a user.
    pub(crate) fn addresses(&self, identity: &Identity) -> Vec<Identifier> {
        self.named_addresses(identity).into_iter().map(|named| named.value).collect()
    }

    /// The e-mail addresses and phone numbers among the identifiers of a user.
    pub(crate) fn contacts(&self, identity: &Identity) -> Vec<Identifier> {
        let identifiers = self.schema.identify(&identity.traits).unwrap_or_default();
        let values = identifiers.into_iter().map(|named| named.value);
        values.filter(|value| value.is_phone() || is_address(value)).collect()
    }

    fn named_addresses(&self, identity: &Identity) -> Vec<NamedIdentifier> {
        let mut identifiers = self.schema.identify(&identity.traits).unwrap_or_default();
        identifiers.retain(|named| is_address(&named.value));
        identifiers
    }
}

/// Whether mail can be sent to this identifier.
pub(crate) fn is_address(identifier: &Identifier) -> bool {
    identifier::check_address(identifier.as_str()).is_ok()
}

/// Whether a user has verified this address.
pub(crate) fn is_verified(identity: &Identity, address: &Identifier) -> bool {
    identity.verified.iter().any(|verified| identifier::canonical(verified).is_ok_and(|verified| verified == *address))
}
