//! Ceremonies: kept sealed between their beginning and their end, and finished once (I-20).

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kayan_ports::{
    Ceremony, Change, CommitError, Failure, Guard, IdentityId, Method, OneTimeChange, OneTimePurpose, OneTimeToken,
    Sealed, SecretOf, SessionId, TenantId, TenantSettings, Timestamp, TokenHash, WebAuthn,
};
use serde::{Deserialize, Serialize};
use time::Duration;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{AuthenticateError, Caller, Kayan, Purpose, Token, audit::event::Event, policy::tenant};

/// How long a ceremony can be finished.
const LIFETIME: Duration = Duration::minutes(5);

/// A ceremony that was begun.
#[derive(Debug)]
pub struct BegunCeremony {
    /// What finishes it: shown now, and never again.
    pub session_id: Token,
    /// The member `publicKey` of the options for `navigator.credentials`, as JSON.
    pub options: String,
}

/// Who a registration is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Registrant {
    /// The owner of this session.
    Session(SessionId),
    /// A login that lacks a factor: the hash of its MFA token.
    Login([u8; 32]),
}

/// What a ceremony is for: it is refused for everything else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// Registers a passkey.
    Registration {
        /// For this identity.
        identity: IdentityId,
        /// Who asked.
        registrant: Registrant,
        /// Under this user handle.
        user_handle: Uuid,
        /// What its owner calls it; may be empty.
        name: String,
    },
    /// Logs in by any discoverable passkey.
    Login,
    /// Logs in by a passkey of this identity. `None`: nobody has the identifier, and nothing finishes it.
    LoginOf(Option<IdentityId>),
    /// Completes the login with this MFA token.
    SecondFactor([u8; 32]),
    /// Steps this session up.
    StepUp(SessionId),
}

/// A ceremony as it is kept.
#[derive(Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) kind: Kind,
    /// What verifies the response.
    pub(crate) state: String,
    /// The hash of a cookie of the browser that began it; `None` for clients without cookies.
    browser: Option<[u8; 32]>,
}

impl Kayan {
    /// Whether a tenant with these settings takes passkeys.
    pub(crate) fn takes_passkeys(&self, tenant: &TenantId, settings: &TenantSettings) -> bool {
        tenant::allows(settings, Method::Webauthn) && self.passkey_verifier(tenant).is_some()
    }

    /// What verifies the passkeys of a tenant, if it can have some.
    pub(crate) fn passkey_verifier(&self, tenant: &TenantId) -> Option<Arc<dyn WebAuthn>> {
        (self.relying_party)(tenant)
    }

    /// A token that a browser is recognised by when it finishes what it began.
    pub fn new_browser(&self) -> Token {
        Token::random(Purpose::Browser, &*self.entropy)
    }

    /// Stores a ceremony until it is finished. The row never names an identity, so that it costs the same for an unknown
    /// identifier (I-08).
    pub(crate) async fn store_ceremony(
        &self,
        caller: &Caller,
        browser: Option<TokenHash>,
        kind: Kind,
        ceremony: Ceremony,
        now: Timestamp,
    ) -> Result<BegunCeremony, AuthenticateError> {
        let session_id = Token::random(Purpose::Ceremony, &*self.entropy);
        let (tenant, hash) = (&caller.tenant, session_id.hash());
        let kept = Kept { kind, state: ceremony.state.to_string(), browser: browser.map(|hash| hash.0) };
        let plain = Zeroizing::new(serde_json::to_vec(&kept).map_err(|error| Failure::Fault(error.to_string()))?);
        let sealed = self.keys.seal(secret_of(tenant, &hash), &plain).await.map_err(Failure::from)?;
        let token = OneTimeToken {
            hash,
            tenant: tenant.clone(),
            purpose: OneTimePurpose::Webauthn,
            identity: None,
            data: URL_SAFE_NO_PAD.encode(sealed.0),
            tries: 1,
            created_at: now,
            expires_at: now + LIFETIME,
        };
        let issue = Change::OneTime(OneTimeChange::Issue(Box::new(token)));
        match self.store.changes.commit(vec![issue]).await {
            Ok(()) => Ok(BegunCeremony { session_id, options: ceremony.options }),
            Err(CommitError::Stale(Guard::Tenant)) => Err(AuthenticateError::NoTenant),
            Err(other) => Err(Failure::from(other).into()),
        }
    }

    /// The ceremony that this token finishes, and the change that uses it up; `None` when it is unknown, expired, finished,
    /// or was begun by another browser.
    pub(crate) async fn kept_ceremony(
        &self,
        caller: &Caller,
        session_id: &Token,
        browser: Option<TokenHash>,
        now: Timestamp,
    ) -> Result<Option<(Kept, Change)>, Failure> {
        let (tenant, hash, purpose) = (&caller.tenant, session_id.hash(), OneTimePurpose::Webauthn);
        let Some(token) = self.store.one_time.one_time(tenant, purpose, &hash, now).await? else { return Ok(None) };
        let damaged = || Failure::Fault("a ceremony is damaged".to_owned());
        let sealed = Sealed(URL_SAFE_NO_PAD.decode(token.data).map_err(|_| damaged())?);
        let plain = self.keys.open(secret_of(tenant, &hash), &sealed).await?;
        let kept: Kept = serde_json::from_slice(&plain).map_err(|_| damaged())?;
        if kept.browser.is_some_and(|began| browser != Some(TokenHash(began))) {
            return Ok(None);
        }
        let finish = OneTimeChange::Use { tenant: tenant.clone(), purpose, hash, at: now };
        Ok(Some((kept, Change::OneTime(finish))))
    }

    /// Uses a ceremony up whose response was refused, and writes the event that tells of it: a challenge is answered once.
    /// `false` when another response has used it up in the meantime; then nothing is written.
    pub(crate) async fn use_up(&self, finish: Change, refused: Option<Event>) -> Result<bool, Failure> {
        let changes = [finish].into_iter().chain(refused.map(Event::record)).collect();
        match self.store.changes.commit(changes).await {
            Ok(()) => Ok(true),
            Err(CommitError::Stale(Guard::OneTime)) => Ok(false),
            Err(other) => Err(other.into()),
        }
    }
}

fn secret_of<'a>(tenant: &'a TenantId, hash: &'a TokenHash) -> SecretOf<'a> {
    SecretOf::OneTime { tenant, purpose: OneTimePurpose::Webauthn, hash }
}
