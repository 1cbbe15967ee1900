//! Ceremonies: kept sealed between their beginning and their end, and finished once (I-20).

use std::sync::Arc;

use kayan_ports::{
    Ceremony, Change, Failure, IdentityId, Method, OneTimePurpose, SessionId, TenantId, TenantSettings, Timestamp,
    TokenHash, WebAuthn,
};
use serde::{Deserialize, Serialize};
use time::Duration;
use uuid::Uuid;

use crate::{AuthenticateError, Caller, Kayan, Purpose, Token, policy::tenant};

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

    /// Stores a ceremony until it is finished.
    pub(crate) async fn store_ceremony(
        &self,
        caller: &Caller,
        browser: Option<TokenHash>,
        kind: Kind,
        ceremony: Ceremony,
        now: Timestamp,
    ) -> Result<BegunCeremony, AuthenticateError> {
        let session_id = Token::random(Purpose::Ceremony, &*self.entropy);
        let kept = Kept { kind, state: ceremony.state.to_string(), browser: browser.map(|hash| hash.0) };
        self.store_state(&caller.tenant, OneTimePurpose::Webauthn, &session_id, &kept, (now, LIFETIME)).await?;
        Ok(BegunCeremony { session_id, options: ceremony.options })
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
        let stored = self.stored_state::<Kept>(&caller.tenant, OneTimePurpose::Webauthn, session_id, now).await?;
        let is_own = |kept: &Kept| kept.browser.is_none_or(|began| browser == Some(TokenHash(began)));
        Ok(stored.filter(|(kept, _)| is_own(kept)))
    }
}
