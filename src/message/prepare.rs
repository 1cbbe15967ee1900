//! Finds out for whom a message is, and issues the token or the code that it carries.
//!
//! This is done when a message is delivered and not when it is asked for, so that asking costs the same for an address
//! that no user has (I-08).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kayan_ports::{
    Change, CommitError, EventType, Guard, Identifier, Identity, Message, MessageKind, Method, OneTimeChange,
    OneTimePurpose, OneTimeToken, OutboxChange, State, Tenant, TenantSettings,
};
use time::Duration;
use uuid::Uuid;

use crate::{
    Failure, Kayan, Purpose, Token,
    flow::{ByMail, code},
    message::{
        content::{Content, Secret},
        enqueue::is_verified,
    },
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
        // The links of the first four come with them.
        MessageKind::EmailChange
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
    kind == MessageKind::LoginCode || kind == MessageKind::Verification && address.is_phone()
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
        let (text, hash, mac, tries) = if is_code(message.kind, &address) {
            let text = code::random(&*self.entropy);
            let mac = self.code_mac(&tenant, &address, &text).await?;
            (text, code::slot(purpose, &tenant, &address), Some(URL_SAFE_NO_PAD.encode(mac)), code::TRIES)
        } else {
            let token = Token::random(Purpose::Link, &*self.entropy);
            (token.expose(), token.hash(), None, 1)
        };
        let expires_at = now + lifetime;
        let data = ByMail { address: address.as_str().to_owned(), mac, ..ByMail::default() }.to_json()?;
        let token = OneTimeToken {
            hash,
            tenant: tenant.clone(),
            purpose,
            identity: Some(identity.id),
            data,
            tries,
            created_at: now,
            expires_at,
        };
        let content = Content { secret: Some(Secret { text: text.to_string(), expires_at }), ..content };
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
            Change::OneTime(OneTimeChange::Replace(Box::new(token))),
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
