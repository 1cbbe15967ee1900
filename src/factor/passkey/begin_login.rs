//! Begins to log in, to complete a login, or to step a session up, by a passkey.

use kayan_ports::{
    AllowedPasskey, Ceremony, Identifier, IdentityId, LoginCandidate, Method, TokenHash, UserVerification, WebAuthn,
};

use crate::{
    AttemptError, AuthenticateError, Caller, Failure, Kayan, Limited, Locked, Token,
    access::attempt,
    factor::passkey::{
        allowed,
        ceremony::{BegunCeremony, Kind},
    },
    policy::{identifier, tenant},
    session::second_factor::InvalidMfaToken,
};

/// What a passkey is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasskeyLogin {
    /// A whole login, by any discoverable passkey.
    Discoverable,
    /// A whole login with this identifier.
    Identifier(String),
    /// The second factor of this login.
    SecondFactor(Option<Token>),
    /// A new proof for the caller's session.
    StepUp,
}

/// A login by a passkey.
#[derive(Debug)]
pub struct BeginPasskeyLogin {
    /// What for.
    pub login: PasskeyLogin,
    /// The hash of the browser's cookie, if it sends cookies.
    pub browser: Option<TokenHash>,
}

/// Why no login was begun.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BeginPasskeyLoginError {
    /// There is no valid session to step up, or no such tenant.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// The MFA token is unknown, expired or used up.
    #[error(transparent)]
    InvalidMfaToken(#[from] InvalidMfaToken),
    /// The user, who is known, has no passkey.
    #[error("you have no passkey")]
    NoPasskey,
    /// The tenant, or the service, does not allow passkeys: the same answer to every caller.
    #[error("passkeys are not allowed here")]
    MethodDisabled,
    /// Too many failed logins with this identifier, whether or not there is such an account.
    #[error(transparent)]
    Locked(#[from] Locked),
    /// Too many logins with this identifier.
    #[error(transparent)]
    Limited(#[from] Limited),
}

impl From<Failure> for BeginPasskeyLoginError {
    fn from(failure: Failure) -> Self {
        Self::Authenticate(failure.into())
    }
}

impl From<AttemptError> for BeginPasskeyLoginError {
    fn from(error: AttemptError) -> Self {
        match error {
            AttemptError::Locked(locked) => locked.into(),
            AttemptError::Failed(failure) => failure.into(),
        }
    }
}

impl Kayan {
    /// Begins a login by a passkey. As a whole login, the passkey must verify its user.
    pub async fn begin_passkey_login(
        &self,
        caller: &Caller,
        cmd: BeginPasskeyLogin,
    ) -> Result<BegunCeremony, BeginPasskeyLoginError> {
        let now = self.clock.now();
        let verifier = self.passkey_verifier(&caller.tenant).ok_or(BeginPasskeyLoginError::MethodDisabled)?;
        let (kind, ceremony) = match cmd.login {
            PasskeyLogin::Discoverable => {
                let tenant = self.store.tenants.tenant(&caller.tenant).await?.filter(|tenant| tenant.active);
                if !tenant::allows(&tenant.ok_or(AuthenticateError::NoTenant)?.settings, Method::Webauthn) {
                    return Err(BeginPasskeyLoginError::MethodDisabled);
                }
                (Kind::Login, verifier.begin_login(&[], UserVerification::Required)?)
            }
            PasskeyLogin::Identifier(identifier) => {
                let (identity, allowed) = self.passkeys_named(caller, &identifier).await?;
                (Kind::LoginOf(identity), verifier.begin_login(&allowed, UserVerification::Required)?)
            }
            PasskeyLogin::SecondFactor(token) => {
                let token = token.ok_or(InvalidMfaToken)?;
                let login = self.pending_login(caller, &token, now).await?.ok_or(InvalidMfaToken)?;
                (Kind::SecondFactor(token.hash().0), second_factor(&*verifier, &allowed(&login.factors))?)
            }
            PasskeyLogin::StepUp => {
                let me = self.authenticate_at_any_level(caller, now).await?;
                if !tenant::allows(&me.settings, Method::Webauthn) {
                    return Err(BeginPasskeyLoginError::MethodDisabled);
                }
                let factors = self.store.factors.factors(&me.identity.tenant, me.identity.id).await?;
                (Kind::StepUp(me.session.id), second_factor(&*verifier, &allowed(&factors))?)
            }
        };
        Ok(self.store_ceremony(caller, cmd.browser, kind, ceremony, now).await?)
    }

    /// The passkeys to ask for, and whose they are.
    ///
    /// **Invariant**: an account that exists can't be told from one that doesn't, nor one with a passkey from one without
    /// (I-08): the same reads either way, and a decoy where there is no passkey.
    async fn passkeys_named(
        &self,
        caller: &Caller,
        named: &str,
    ) -> Result<(Option<IdentityId>, Vec<AllowedPasskey>), BeginPasskeyLoginError> {
        // An invalid identifier is treated like an unknown one.
        let identifier = identifier::canonical(named).unwrap_or_else(|_| Identifier::from_canonical(String::new()));
        let target = attempt::target(&caller.tenant, &identifier);
        let found = self.login_candidate(caller, &identifier).await?;
        let LoginCandidate { settings, known, .. } = found.ok_or(AuthenticateError::NoTenant)?;
        let limit = tenant::limit("login", self.settings.limits.login, settings.login_limit);
        self.limit::<BeginPasskeyLoginError>(caller, limit, &target).await?;
        if !tenant::allows(&settings, Method::Webauthn) {
            return Err(BeginPasskeyLoginError::MethodDisabled);
        }
        let origin = attempt::origin(caller, known.as_ref());
        // A passkey can't be guessed, so beginning counts for nothing, but a locked identifier stays locked (I-10).
        self.require_unlocked(caller, attempt::LOGIN, (target, &identifier.masked()), origin).await?;
        let identity = known.map(|known| known.identity.id);
        let asked = identity.unwrap_or_else(|| IdentityId(self.new_id(self.clock.now())));
        // Passkeys only: ten recovery codes would take a time that can be measured.
        let factors = self.store.factors.passkeys(&caller.tenant, asked).await?;
        let decoy = self.decoy(&caller.tenant, &identifier).await?;
        let mut allowed = allowed(&factors);
        if allowed.is_empty() {
            allowed.push(decoy);
        }
        Ok((identity, allowed))
    }
}

/// Asks for a passkey as a second factor: then it need not verify its user.
fn second_factor(verifier: &dyn WebAuthn, allowed: &[AllowedPasskey]) -> Result<Ceremony, BeginPasskeyLoginError> {
    if allowed.is_empty() {
        return Err(BeginPasskeyLoginError::NoPasskey);
    }
    Ok(verifier.begin_login(allowed, UserVerification::Preferred)?)
}
