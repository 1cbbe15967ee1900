//! Registers the passkey that an authenticator made.

use kayan_ports::{
    AttestationResponse, CeremonyError, Change, CommitError, CredentialId, EventType, Factor, FactorChange, FactorKind,
    Guard, Identity, IdentityId, KnownFactors, Method, MethodUse, Passkey, SessionId, Timestamp, TokenHash, Unique,
};
use uuid::Uuid;

use crate::{
    AuthenticateError, BeginPasskeyRegistrationError, Caller, Failure, FinishPasskeyLoginError, Kayan,
    NewRecoveryCodes, Opened, StepUpRequired, Token,
    factor::passkey::{
        NoRoom, beside,
        ceremony::{Kept, Kind, Registrant},
        models, proof,
    },
    policy::tenant,
    session::{
        second_factor::{CompleteLoginError, InvalidMfaToken},
        step_up::{is_below_own_level, pin},
    },
    user::change::{ROUNDS, keeps_changing},
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

fn unknown() -> FinishPasskeyRegistrationError {
    FinishPasskeyRegistrationError::CeremonyFailed(FinishPasskeyLoginError::UnknownCeremony.to_string())
}

/// Others were registered since the ceremony began.
impl From<NoRoom> for FinishPasskeyRegistrationError {
    fn from(why: NoRoom) -> Self {
        Self::CeremonyFailed(match why {
            NoRoom::Full => BeginPasskeyRegistrationError::TooMany.to_string(),
            NoRoom::OtherHandle => "another passkey was registered since this was begun: begin again".to_owned(),
        })
    }
}

/// A registration that is being finished.
struct Finishing {
    identity: IdentityId,
    user_handle: Uuid,
    name: String,
    /// What verifies the response.
    state: String,
    response: AttestationResponse,
    /// The change that uses the ceremony up.
    finish: Change,
}

/// The changes that register a passkey, and what the response to its owner needs.
struct Registration {
    factor: Factor,
    proven: MethodUse,
    codes: Option<NewRecoveryCodes>,
    /// Keeps the list from being committed once there are other factors. Locks the identity, so it comes first.
    beside: Change,
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
        let finishing = Finishing { identity, user_handle, name, state, response: cmd.response, finish };
        match registrant {
            Registrant::Session(session) => self.register_in_session(caller, session, finishing, now).await,
            Registrant::Login(hash) => {
                let token = cmd.mfa_token.filter(|token| token.hash() == TokenHash(hash)).ok_or(InvalidMfaToken)?;
                self.register_to_log_in(caller, &token, finishing, now).await
            }
        }
    }

    async fn register_in_session(
        &self,
        caller: &Caller,
        session: SessionId,
        finishing: Finishing,
        now: Timestamp,
    ) -> Result<RegisteredPasskey, FinishPasskeyRegistrationError> {
        let me = self.authenticate_at_any_level(caller, now).await?;
        if me.session.id != session || me.identity.id != finishing.identity {
            return Err(unknown());
        }
        let mut made = None;
        for _ in 0..ROUNDS {
            let factors = self.my_usable_factors(&me).await?;
            // A factor may have been added since the ceremony began.
            if is_below_own_level(&me.session, &factors) {
                return Err(StepUpRequired::Aal2.into());
            }
            // So may passkeys, or the tenant may not allow them any longer.
            if !tenant::allows(&self.settings_of(&me.identity).await?, Method::Webauthn) {
                return Err(unknown());
            }
            let known = beside(&factors, finishing.user_handle)?;
            let passkey = match &made {
                Some(passkey) => Passkey::clone(passkey),
                None => made.insert(self.verify_attestation(caller, &finishing).await?).clone(),
            };
            let registration = self.registration(caller, &me.identity, (known, passkey, &finishing.name), now);
            let Registration { factor, codes, beside, changes, .. } = registration;
            let first = [beside, pin(&me.session), finishing.finish.clone()];
            match self.store.changes.commit(first.into_iter().chain(changes).collect()).await {
                Ok(()) => {
                    return Ok(RegisteredPasskey {
                        id: factor.id,
                        name: factor.name,
                        opened: None,
                        recovery_codes: codes,
                    });
                }
                Err(CommitError::Stale(Guard::Factors)) => {}
                Err(CommitError::Conflict(Unique::Credential)) => {
                    return Err(self.refused(finishing.finish, taken()).await);
                }
                Err(CommitError::Stale(Guard::OneTime)) => return Err(unknown()),
                Err(CommitError::Stale(Guard::Identity | Guard::Session)) => {
                    return Err(AuthenticateError::Unauthorized.into());
                }
                Err(other) => return Err(Failure::from(other).into()),
            }
        }
        Err(keeps_changing().into())
    }

    async fn register_to_log_in(
        &self,
        caller: &Caller,
        token: &Token,
        finishing: Finishing,
        now: Timestamp,
    ) -> Result<RegisteredPasskey, FinishPasskeyRegistrationError> {
        let login = self.pending_login(caller, token, now).await?.ok_or(InvalidMfaToken)?;
        if !login.enrolls() || login.identity.id != finishing.identity {
            return Err(InvalidMfaToken.into());
        }
        if !tenant::allows(&login.tenant.settings, Method::Webauthn) {
            return Err(unknown());
        }
        let known = beside(&login.factors, finishing.user_handle)?;
        let passkey = self.verify_attestation(caller, &finishing).await?;
        let registration = self.registration(caller, &login.identity, (known, passkey, &finishing.name), now);
        let Registration { factor, codes, proven, beside, changes } = registration;
        let all = [beside, finishing.finish.clone()].into_iter().chain(changes).collect();
        match self.complete_login(caller, login, proven, all, now).await {
            Ok(opened) => {
                let (id, name) = (factor.id, factor.name);
                Ok(RegisteredPasskey { id, name, opened: Some(opened), recovery_codes: codes })
            }
            Err(why @ (CompleteLoginError::InvalidCode | CompleteLoginError::NotActive)) => {
                Err(self.refused(finishing.finish, why.into()).await)
            }
            Err(other) => Err(other.into()),
        }
    }

    /// The passkey that was made. A response that does not verify uses the ceremony up.
    async fn verify_attestation(
        &self,
        caller: &Caller,
        finishing: &Finishing,
    ) -> Result<Passkey, FinishPasskeyRegistrationError> {
        let Finishing { user_handle, state, response, finish, .. } = finishing;
        let verifier = self.passkey_verifier(&caller.tenant).ok_or_else(unknown)?;
        let why = match verifier.finish_registration(state, *user_handle, response.clone()).await {
            // Only now, as for a passkey that there is: else a wrong response would tell them apart (I-08).
            Ok(passkey) if self.is_decoy(&caller.tenant, &passkey.credential_id).await? => taken(),
            Ok(passkey) => return Ok(passkey),
            Err(CeremonyError::Failed(failure)) => return Err(failure.into()),
            Err(refused) => FinishPasskeyRegistrationError::CeremonyFailed(refused.to_string()),
        };
        Err(self.refused(finish.clone(), why).await)
    }

    /// Uses up a ceremony whose response was refused.
    async fn refused(&self, finish: Change, why: FinishPasskeyRegistrationError) -> FinishPasskeyRegistrationError {
        match self.use_up(finish, None).await {
            Ok(true) => why,
            Ok(false) => unknown(),
            Err(failure) => failure.into(),
        }
    }

    fn registration(
        &self,
        caller: &Caller,
        identity: &Identity,
        (known, passkey, name): (KnownFactors, Passkey, &str),
        now: Timestamp,
    ) -> Registration {
        let proven = proof(&passkey, passkey.user_verified, now);
        let name = if name.trim().is_empty() { models::name_of(passkey.aaguid).unwrap_or("Passkey") } else { name };
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
            name: name.to_owned(),
            kind: FactorKind::Webauthn(Box::new(passkey)),
            created_at: now,
            last_used_at: None,
        };
        let mut changes = vec![Change::Factor(FactorChange::Add(Box::new(factor.clone())))];
        let codes = (known == KnownFactors::Nothing).then(|| {
            let generated = self.new_recovery_codes(identity, now);
            changes.extend(generated.changes);
            generated.codes
        });
        changes.push(event.record());
        let (tenant, identity) = (identity.tenant.clone(), identity.id);
        let beside = Change::Factor(FactorChange::Pin { tenant, identity, known });
        Registration { factor, proven, codes, beside, changes }
    }
}
