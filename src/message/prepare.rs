//! Finds out for whom a message is, and issues the token or the code that it carries.
//!
//! This is done when a message is delivered and not when it is asked for, so that asking costs the same for an address
//! that no user has (I-08).

use kayan_ports::{
    Change, CommitError, EventType, Guard, Identifier, Identity, Message, MessageKind, Method, OneTimePurpose,
    OutboxChange, State, Tenant, TenantSettings,
};
use time::Duration;
use uuid::Uuid;

use crate::{
    Failure, Kayan,
    flow::{ByMail, code},
    message::{content::Content, enqueue::is_verified},
    policy::tenant,
};

/// What a kind of message to this address lets its reader do, and for how long.
fn grants(kind: MessageKind, address: &Identifier) -> Option<(OneTimePurpose, Duration)> {
    Some(match kind {
        // By a code.
        MessageKind::Verification if address.is_phone() => (OneTimePurpose::Verification, Duration::minutes(10)),
        MessageKind::Verification => (OneTimePurpose::Verification, Duration::hours(24)),
        MessageKind::Recovery => (OneTimePurpose::Recovery, Duration::hours(1)),
        MessageKind::MagicLink => (OneTimePurpose::MagicLink, Duration::minutes(15)),
        MessageKind::LoginCode => (OneTimePurpose::LoginCode, Duration::minutes(10)),
        // The code or the link of the first five comes with them.
        MessageKind::MfaCode
        | MessageKind::EmailChange
        | MessageKind::EmailRevert
        | MessageKind::Invitation
        | MessageKind::AccountDeletion
        | MessageKind::PasswordChanged
        | MessageKind::FactorAdded
        | MessageKind::FactorRemoved
        | MessageKind::RecoveryCodesLow
        | MessageKind::AccountLocked
        | MessageKind::NewDevice
        | MessageKind::Test => return None,
    })
}

/// Whether a message of this kind to this address has a code, and no link.
pub(crate) fn is_code(kind: MessageKind, address: &Identifier) -> bool {
    match kind {
        MessageKind::LoginCode | MessageKind::MfaCode => true,
        MessageKind::Verification => address.is_phone(),
        _ => false,
    }
}

/// Whether a message of this kind may be sent to this user at all.
fn serves(kind: MessageKind, settings: &TenantSettings, identity: &Identity, address: &Identifier) -> bool {
    identity.state == State::Active
        && match kind {
            MessageKind::Verification => !is_verified(identity, address),
            MessageKind::Recovery => tenant::allows(settings, Method::Password),
            MessageKind::MagicLink => tenant::allows(settings, Method::MagicLink),
            MessageKind::LoginCode => tenant::allows(settings, Method::Code),
            _ => true,
        }
}

/// Whether the tenant has switched this notice off.
fn is_off(kind: MessageKind, settings: &TenantSettings) -> bool {
    settings.notices_off.iter().any(|notice| notice.message() == kind)
}

impl Kayan {
    /// What a leased message is rendered from, and its user; `None` if it is for nobody.
    pub(crate) async fn prepared(
        &self,
        message: &Message,
        lease: Uuid,
        content: Content,
        tenant: Option<&Tenant>,
    ) -> Result<Option<(Content, Option<Identity>)>, Failure> {
        let address = Identifier::from_canonical(message.recipient.clone());
        let (scope, granted) = ((&message.tenant).into(), grants(message.kind, &address));
        let now = self.clock.now();
        if tenant.is_some_and(|tenant| is_off(message.kind, &tenant.settings)) {
            return Ok(None);
        }
        if let Some(id) = message.identity.filter(|_| granted.is_none()) {
            // A link that came with the message is not renewed.
            let is_late = content.secret.as_ref().is_some_and(|it| it.expires_at <= now);
            // Whether a user has the new address is looked up here, so that the request does not reveal it (I-08).
            let is_new = message.kind == MessageKind::EmailChange;
            if is_late || is_new && !self.store.accounts.identities_named(&scope, &address).await?.is_empty() {
                return Ok(None);
            }
            let identity = self.store.accounts.identity(&scope, id).await?;
            return Ok(identity.map(|identity| (content, Some(identity))));
        }
        if message.kind == MessageKind::Test {
            return Ok(Some((content, None)));
        }
        let Some(Tenant { settings, .. }) = tenant.filter(|tenant| tenant.active) else { return Ok(None) };
        let named = self.store.accounts.identities_named(&scope, &address).await?;
        let serves = |identity: &Identity| serves(message.kind, settings, identity, &address);
        let Some(identity) = named.into_iter().next().filter(serves) else { return Ok(None) };
        match granted {
            // An earlier attempt has issued what it carries. The reader needs time to use it, so that a late one is replaced.
            Some((_, lifetime)) if content.secret.as_ref().is_some_and(|it| it.expires_at - now >= lifetime / 2) => {
                Ok(Some((content, Some(identity))))
            }
            Some((purpose, lifetime)) => {
                self.prepare(message, lease, content, (identity, address, purpose, lifetime)).await
            }
            None => Ok(Some((content, Some(identity)))),
        }
    }

    async fn prepare(
        &self,
        message: &Message,
        lease: Uuid,
        content: Content,
        (identity, address, purpose, lifetime): (Identity, Identifier, OneTimePurpose, Duration),
    ) -> Result<Option<(Content, Option<Identity>)>, Failure> {
        let (tenant, now) = (message.tenant.clone(), self.clock.now());
        let (secret, issue) = if is_code(message.kind, &address) {
            let token = (purpose, code::slot(purpose, &tenant, &address));
            self.new_code(&identity, &address, token, (now, now + lifetime)).await?
        } else {
            let kept = ByMail { address: address.as_str().to_owned(), ..ByMail::default() };
            let (_, secret, issue) = self.new_link(&identity, purpose, &kept, (now, lifetime))?;
            (secret, issue)
        };
        let content = Content { secret: Some(secret), ..content };
        let data = self.seal_content(&tenant, message.id, &content).await?;
        let event = self
            .bare_event(tenant.clone(), EventType::MessageRequested, now, "a link or a code was requested")
            .about(identity.id)
            .with("kind", message.kind.as_str())
            .with("address", address.masked())
            .with("ip", content.ip.clone());
        // The link that verifies an address logs nobody in; its use is recorded. An SMS costs money. A later attempt is no other
        // request.
        let is_recorded = (purpose != OneTimePurpose::Verification || address.is_phone()) && message.identity.is_none();
        let event = is_recorded.then(|| event.record());
        let mut changes = vec![
            issue,
            Change::Outbox(OutboxChange::Prepare { tenant, message: message.id, lease, identity: identity.id, data }),
        ];
        changes.extend(event);
        match self.store.changes.commit(changes).await {
            Ok(()) => Ok(Some((content, Some(identity)))),
            // The account was deleted or locked, or the lease was over, a moment ago.
            Err(CommitError::Stale(Guard::Identity | Guard::Message)) => Ok(None),
            Err(other) => Err(other.into()),
        }
    }
}
