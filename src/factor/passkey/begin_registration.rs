//! Begins to register a passkey.

use kayan_ports::{Method, PasskeyUser, ResidentKey, TokenHash};
use uuid::Uuid;

use crate::{
    AuthenticateError, Caller, Failure, FieldError, Kayan, StepUpRequired, Token,
    factor::{
        name::judge_name,
        passkey::{
            MOST, allowed,
            ceremony::{BegunCeremony, Kind, Registrant},
            passkeys,
        },
    },
    policy::tenant,
    session::{second_factor::InvalidMfaToken, step_up::require_step_up},
};

/// A new passkey.
#[derive(Debug)]
pub struct BeginPasskeyRegistration {
    /// What the user calls it; if it is empty, it is called after its model.
    pub name: String,
    /// Whether it must be discoverable.
    pub resident_key: ResidentKey,
    /// The token of a login that lacks a factor, in place of a session.
    pub mfa_token: Option<Token>,
    /// The hash of the browser's cookie, if it sends cookies.
    pub browser: Option<TokenHash>,
}

/// Why no registration was begun.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BeginPasskeyRegistrationError {
    /// There is no valid session.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// The MFA token is unknown, expired or used up, or its owner has a factor already and has to use that one.
    #[error(transparent)]
    InvalidMfaToken(#[from] InvalidMfaToken),
    /// The session does not prove enough.
    #[error(transparent)]
    StepUp(#[from] StepUpRequired),
    /// The name is too long, or has characters that can't be seen.
    #[error("the name of the passkey is not valid")]
    InvalidName(FieldError),
    /// The user has as many as one can have.
    #[error("20 passkeys are the most: remove one first")]
    TooMany,
    /// The tenant, or the service, does not allow passkeys.
    #[error("passkeys are not allowed here")]
    MethodDisabled,
}

impl From<Failure> for BeginPasskeyRegistrationError {
    fn from(failure: Failure) -> Self {
        Self::Authenticate(failure.into())
    }
}

impl Kayan {
    /// Begins to register a passkey: in a session with a recent proof, or for a login that needs a first factor.
    pub async fn begin_passkey_registration(
        &self,
        caller: &Caller,
        cmd: BeginPasskeyRegistration,
    ) -> Result<BegunCeremony, BeginPasskeyRegistrationError> {
        judge_name(&cmd.name).map_err(BeginPasskeyRegistrationError::InvalidName)?;
        let now = self.clock.now();
        let (identity, factors, registrant) = if let Some(token) = &cmd.mfa_token {
            let login = self.pending_login(caller, token, now).await?.ok_or(InvalidMfaToken)?;
            // Only a user without a factor registers one this way: otherwise the password alone would be enough.
            if !login.enrolls() {
                return Err(InvalidMfaToken.into());
            }
            (login.identity, login.factors, Registrant::Login(token.hash().0))
        } else {
            let me = self.authenticate_at_any_level(caller, now).await?;
            let factors = self.my_usable_factors(&me).await?;
            require_step_up(&me.session, &factors, now)?;
            (me.identity.clone(), factors, Registrant::Session(me.session.id))
        };
        let verifier = self.passkey_verifier(&caller.tenant).ok_or(BeginPasskeyRegistrationError::MethodDisabled)?;
        if !tenant::allows(&self.settings_of(&identity).await?, Method::Webauthn) {
            return Err(BeginPasskeyRegistrationError::MethodDisabled);
        }
        if passkeys(&factors).count() >= usize::from(MOST) {
            return Err(BeginPasskeyRegistrationError::TooMany);
        }
        // One handle for all passkeys of a user, so that an authenticator replaces rather than collects them.
        let user_handle = passkeys(&factors).next().map_or_else(|| self.new_user_handle(), |known| known.user_handle);
        let name = self.account_name(&identity);
        let display_name = identity.traits.0.get("name").and_then(serde_json::Value::as_str).unwrap_or(&name);
        let user = PasskeyUser { handle: user_handle, name: &name, display_name };
        let ceremony = verifier.begin_registration(user, cmd.resident_key, &allowed(&factors))?;
        let kind = Kind::Registration { identity: identity.id, registrant, user_handle, name: cmd.name };
        Ok(self.store_ceremony(caller, cmd.browser, kind, ceremony, now).await?)
    }

    /// Random, and not derived from the identity's id, because an authenticator stores it and may show it.
    pub(crate) fn new_user_handle(&self) -> Uuid {
        self.random_id()
    }
}
