//! Registers the passkey that an authenticator made.

use kayan_ports::{
    AttestationResponse, CeremonyError, Change, CommitError, CredentialId, EventType, Factor, FactorChange, FactorKind,
    Guard, Identity, Method, MethodUse, Passkey, Timestamp, TokenHash, Unique,
};

use crate::{
    AuthenticateError, BeginPasskeyRegistrationError, Caller, Failure, FinishPasskeyLoginError, Kayan,
    NewRecoveryCodes, Opened, StepUpRequired, Token,
    factor::{
        find::has_second_factor,
        passkey::{
            MOST,
            ceremony::{Kept, Kind, Registrant},
            models, passkeys, proof,
        },
    },
    policy::tenant,
    session::{
        second_factor::{CompleteLoginError, InvalidMfaToken},
        step_up::{is_below_own_level, pin},
    },
};

/// What an authenticator responded to a registration.
#[derive(Debug)]
pub struct FinishPasskeyRegistration {
    /// The token of the ceremony; `None` when it is not one.
    pub session_id: Option<Token>,
    /// The response.
    pub response: AttestationResponse,
    /// The token of the login that the passkey completes, if it was begun with one.
    pub mfa_token: Option<Token>,
    /// The hash of the browser's cookie, if it sent one.
    pub browser: Option<TokenHash>,
}

/// A passkey that was registered.
#[derive(Debug)]
pub struct RegisteredPasskey {
    /// The id of the factor.
    pub id: CredentialId,
    /// Its name.
    pub name: String,
    /// The session, if it completed a login.
    pub opened: Option<Opened>,
    /// New recovery codes, where the passkey is the user's first factor: shown now, and never again.
    pub recovery_codes: Option<NewRecoveryCodes>,
}

/// Why no passkey was registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FinishPasskeyRegistrationError {
    /// There is no valid session.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// The MFA token is unknown, expired or used up.
    #[error(transparent)]
    InvalidMfaToken(#[from] InvalidMfaToken),
    /// The session does not prove enough.
    #[error(transparent)]
    StepUp(#[from] StepUpRequired),
    /// The ceremony is unknown, expired, finished or another one, or the response does not verify.
    #[error("{0}")]
    CeremonyFailed(String),
    /// The account is not active.
    #[error("this account is not active")]
    NotActive,
}

impl From<Failure> for FinishPasskeyRegistrationError {
    fn from(failure: Failure) -> Self {
        Self::Authenticate(failure.into())
    }
}

impl From<CeremonyError> for FinishPasskeyRegistrationError {
    fn from(error: CeremonyError) -> Self {
        match error {
            CeremonyError::Failed(failure) => failure.into(),
            refused => Self::CeremonyFailed(refused.to_string()),
        }
    }
}

impl From<CompleteLoginError> for FinishPasskeyRegistrationError {
    fn from(error: CompleteLoginError) -> Self {
        match error {
            CompleteLoginError::InvalidMfaToken => InvalidMfaToken.into(),
            CompleteLoginError::InvalidCode => taken(),
            CompleteLoginError::NotActive => Self::NotActive,
            CompleteLoginError::Failed(failure) => failure.into(),
        }
    }
}

fn taken() -> FinishPasskeyRegistrationError {
    FinishPasskeyRegistrationError::CeremonyFailed("this passkey is registered already".to_owned())
}

/// Begun while there was room, beside others.
fn too_many() -> FinishPasskeyRegistrationError {
    FinishPasskeyRegistrationError::CeremonyFailed(BeginPasskeyRegistrationError::TooMany.to_string())
}

fn unknown() -> FinishPasskeyRegistrationError {
    FinishPasskeyRegistrationError::CeremonyFailed(FinishPasskeyLoginError::UnknownCeremony.to_string())
}

/// The changes that register a passkey, and what the response to its owner needs.
struct Registration {
    factor: Factor,
    proven: MethodUse,
    codes: Option<NewRecoveryCodes>,
    changes: Vec<Change>,
}

impl Kayan {
    /// Verifies the response and keeps the passkey. In a session, the session stays as it is; for a login that needs a
    /// first factor, the passkey completes it.
    pub async fn finish_passkey_registration(
        &self,
        caller: &Caller,
        cmd: FinishPasskeyRegistration,
    ) -> Result<RegisteredPasskey, FinishPasskeyRegistrationError> {
        let now = self.clock.now();
        let session_id = cmd.session_id.ok_or_else(unknown)?;
        let (kept, finish) = self.kept_ceremony(caller, &session_id, cmd.browser, now).await?.ok_or_else(unknown)?;
        let Kept { kind: Kind::Registration { identity, registrant, user_handle, name }, state, .. } = kept else {
            return Err(unknown());
        };
        let verifier = self.passkey_verifier(&caller.tenant).ok_or_else(unknown)?;
        if self.is_decoy(&caller.tenant, &cmd.response.credential_id).await? {
            return Err(taken());
        }
        match registrant {
            Registrant::Session(session) => {
                let me = self.authenticate_at_any_level(caller, now).await?;
                if me.session.id != session || me.identity.id != identity {
                    return Err(unknown());
                }
                let factors = self.store.factors.factors(&me.identity.tenant, identity).await?;
                // A factor may have been added since the ceremony began.
                if is_below_own_level(&me.session, &factors) {
                    return Err(StepUpRequired::Aal2.into());
                }
                // So may passkeys, or the tenant may not allow them any longer.
                if !tenant::allows(&self.settings_of(&me.identity).await?, Method::Webauthn) {
                    return Err(unknown());
                }
                if passkeys(&factors).count() >= MOST {
                    return Err(too_many());
                }
                let passkey = verifier.finish_registration(&state, user_handle, cmd.response).await?;
                let registration = self.registration(caller, &me.identity, &factors, (passkey, name), now);
                let Registration { factor, codes, changes, .. } = registration;
                let all = [pin(&me.session), finish].into_iter().chain(changes).collect();
                match self.store.changes.commit(all).await {
                    Ok(()) => {}
                    Err(CommitError::Conflict(Unique::Credential)) => return Err(taken()),
                    Err(CommitError::Stale(Guard::OneTime)) => return Err(unknown()),
                    Err(CommitError::Stale(Guard::Identity | Guard::Session)) => {
                        return Err(AuthenticateError::Unauthorized.into());
                    }
                    Err(other) => return Err(Failure::from(other).into()),
                }
                Ok(RegisteredPasskey { id: factor.id, name: factor.name, opened: None, recovery_codes: codes })
            }
            Registrant::Login(hash) => {
                let token = cmd.mfa_token.filter(|token| token.hash() == TokenHash(hash)).ok_or(InvalidMfaToken)?;
                let login = self.pending_login(caller, &token, now).await?.ok_or(InvalidMfaToken)?;
                if !login.enrolls() || login.identity.id != identity {
                    return Err(InvalidMfaToken.into());
                }
                if !tenant::allows(&login.tenant.settings, Method::Webauthn) {
                    return Err(unknown());
                }
                let passkey = verifier.finish_registration(&state, user_handle, cmd.response).await?;
                let registration = self.registration(caller, &login.identity, &login.factors, (passkey, name), now);
                let Registration { factor, codes, changes, proven } = registration;
                let all = [finish].into_iter().chain(changes).collect();
                let opened = self.complete_login(caller, login, proven, all, now).await?;
                Ok(RegisteredPasskey { id: factor.id, name: factor.name, opened: Some(opened), recovery_codes: codes })
            }
        }
    }

    fn registration(
        &self,
        caller: &Caller,
        identity: &Identity,
        factors: &[Factor],
        (passkey, name): (Passkey, String),
        now: Timestamp,
    ) -> Registration {
        let proven = proof(&passkey, passkey.user_verified, now);
        let name =
            if name.trim().is_empty() { models::name_of(passkey.aaguid).unwrap_or("Passkey").to_owned() } else { name };
        let event = self
            .event(caller, EventType::MfaEnrolled, now, "a passkey was registered")
            .by(identity.id)
            .with("method", Method::Webauthn.as_str())
            .with("aaguid", passkey.aaguid.to_string())
            .with("user_verified", passkey.user_verified)
            .with("backup_eligible", passkey.backup_eligible);
        let factor = Factor {
            id: CredentialId(self.new_id(now)),
            tenant: identity.tenant.clone(),
            identity: identity.id,
            name,
            kind: FactorKind::Webauthn(Box::new(passkey)),
            created_at: now,
            last_used_at: None,
        };
        let mut changes = vec![Change::Factor(FactorChange::Add(Box::new(factor.clone())))];
        let codes = (!has_second_factor(factors)).then(|| {
            let generated = self.new_recovery_codes(identity, now);
            changes.extend(generated.changes);
            generated.codes
        });
        changes.push(event.record());
        Registration { factor, proven, codes, changes }
    }
}
