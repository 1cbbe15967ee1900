//! Verifies the signature of a passkey: opens a session, completes a login, or steps a session up.

use futures_util::future::try_join3;
use kayan_ports::{
    Assertion, AssertionResponse, CeremonyError, Change, CommitError, EventType, Factor, FactorChange, FactorKind,
    Guard, IdentityId, Method, MethodUse, Scope, Timestamp, TokenHash,
};

use crate::{
    AuthenticateError, Caller, Failure, Kayan, Opened, Token,
    factor::{
        find::methods,
        passkey::{
            ceremony::{Kept, Kind},
            decoy::decoy_passkey,
            proof,
        },
    },
    policy::tenant,
    session::{
        open::{EndLoginError, Login},
        second_factor::{CompleteLoginError, InvalidMfaToken},
    },
};

/// What an authenticator responded to a login.
#[derive(Debug)]
pub struct FinishPasskeyLogin {
    /// The token of the ceremony; `None` when it is not one.
    pub session_id: Option<Token>,
    /// The response.
    pub response: AssertionResponse,
    /// The token of the login that the passkey completes, if it was begun with one.
    pub mfa_token: Option<Token>,
    /// The hash of the browser's cookie, if it sent one.
    pub browser: Option<TokenHash>,
    /// Whether the device is to stand in for the second factor from now on, if the passkey completes a login.
    pub trust_device: bool,
}

/// Why a passkey was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FinishPasskeyLoginError {
    /// There is no valid session to step up.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// The MFA token is unknown, expired or used up.
    #[error(transparent)]
    InvalidMfaToken(#[from] InvalidMfaToken),
    /// The ceremony is unknown, expired or finished, or was begun elsewhere or for something else.
    #[error("the ceremony is unknown, expired or finished, or was begun elsewhere: begin again")]
    UnknownCeremony,
    /// The passkey is not known here, or its response does not verify: the same for both.
    #[error("{0}")]
    Refused(&'static str),
    /// The account is not active. Revealed only after the proof.
    #[error("this account is not active")]
    NotActive,
    /// No address of the user is verified, which the tenant requires. Revealed only after the proof.
    #[error("verify your e-mail address or phone number first: request a new link or code if you have none")]
    Unverified,
}

impl From<Failure> for FinishPasskeyLoginError {
    fn from(failure: Failure) -> Self {
        Self::Authenticate(failure.into())
    }
}

impl From<CompleteLoginError> for FinishPasskeyLoginError {
    fn from(error: CompleteLoginError) -> Self {
        match error {
            CompleteLoginError::InvalidMfaToken => InvalidMfaToken.into(),
            CompleteLoginError::InvalidCode => outdated(),
            CompleteLoginError::NotActive => Self::NotActive,
            CompleteLoginError::Failed(failure) => failure.into(),
        }
    }
}

/// The passkey was used or removed in the meantime.
fn outdated() -> FinishPasskeyLoginError {
    FinishPasskeyLoginError::Refused("the passkey was used or removed just now: try again")
}

/// Whose passkeys a ceremony takes.
#[derive(Debug, Clone, Copy)]
enum Whose {
    /// Anyone's: the passkey says who logs in.
    Anyones,
    /// Of this identity.
    Of(IdentityId),
    /// Of an identifier that nobody has.
    Nobodys,
}

impl Whose {
    fn includes(self, identity: IdentityId) -> bool {
        match self {
            Self::Anyones => true,
            Self::Of(owner) => owner == identity,
            Self::Nobodys => false,
        }
    }
}

/// Why a passkey was not verified.
enum NotVerified {
    /// For this reason, with the identity that it is about, if that is known.
    Refused(Option<IdentityId>, String),
    /// The signature counter went backwards.
    Copied(Box<Factor>),
    Failed(Failure),
}

impl NotVerified {
    fn unknown(why: &str) -> Self {
        Self::Refused(None, why.to_owned())
    }
}

impl From<Failure> for NotVerified {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A passkey that was verified.
struct Verified {
    factor: Factor,
    proven: MethodUse,
    /// Keeps the counter before anything is opened (I-20).
    used: Change,
}

impl Kayan {
    /// Verifies what an authenticator signed.
    pub async fn finish_passkey_login(
        &self,
        caller: &Caller,
        cmd: FinishPasskeyLogin,
    ) -> Result<Opened, FinishPasskeyLoginError> {
        let now = self.clock.now();
        let session_id = cmd.session_id.ok_or(FinishPasskeyLoginError::UnknownCeremony)?;
        let (kept, finish) = self
            .kept_ceremony(caller, &session_id, cmd.browser, now)
            .await?
            .ok_or(FinishPasskeyLoginError::UnknownCeremony)?;
        let Kept { kind, state, .. } = kept;
        let ceremony = (&*state, &finish);
        match kind {
            Kind::Login => self.log_in_by_passkey(caller, Whose::Anyones, ceremony, cmd.response, now).await,
            Kind::LoginOf(identity) => {
                let whose = identity.map_or(Whose::Nobodys, Whose::Of);
                self.log_in_by_passkey(caller, whose, ceremony, cmd.response, now).await
            }
            Kind::SecondFactor(hash) => {
                let token = cmd.mfa_token.filter(|token| token.hash() == TokenHash(hash)).ok_or(InvalidMfaToken)?;
                let mut login = self.pending_login(caller, &token, now).await?.ok_or(InvalidMfaToken)?;
                login.trusts_device = cmd.trust_device;
                let whose = Whose::Of(login.identity.id);
                let verified = self.verify_passkey(caller, whose, &state, cmd.response, now).await;
                let verified = self.accepted(caller, EventType::MfaFailure, verified, &finish, now).await?;
                let used = vec![finish.clone(), verified.used];
                match self.complete_login(caller, login, verified.proven, used, now).await {
                    Ok(opened) => Ok(opened),
                    Err(why @ (CompleteLoginError::InvalidCode | CompleteLoginError::NotActive)) => {
                        Err(self.in_vain(finish, why.into()).await)
                    }
                    Err(other) => Err(other.into()),
                }
            }
            Kind::StepUp(session) => {
                let me = self.authenticate_at_any_level(caller, now).await?;
                if me.session.id != session {
                    return Err(FinishPasskeyLoginError::UnknownCeremony);
                }
                let whose = Whose::Of(me.identity.id);
                let verified = self.verify_passkey(caller, whose, &state, cmd.response, now).await;
                let verified = self.accepted(caller, EventType::MfaFailure, verified, &finish, now).await?;
                let (opened, mut changes) = self.step_up(caller, &me, verified.proven, now).await?;
                changes.extend([finish.clone(), verified.used]);
                match self.store.changes.commit(changes).await {
                    Ok(()) => Ok(opened),
                    Err(CommitError::Stale(Guard::OneTime)) => Err(FinishPasskeyLoginError::UnknownCeremony),
                    Err(CommitError::Stale(Guard::Factor)) => Err(self.in_vain(finish, outdated()).await),
                    Err(CommitError::Stale(Guard::Session)) => Err(AuthenticateError::Unauthorized.into()),
                    Err(other) => Err(Failure::from(other).into()),
                }
            }
            Kind::Registration { .. } => Err(FinishPasskeyLoginError::UnknownCeremony),
        }
    }

    /// Uses up a ceremony whose response was verified, but to no avail.
    async fn in_vain(&self, finish: Change, why: FinishPasskeyLoginError) -> FinishPasskeyLoginError {
        match self.use_up(finish, None).await {
            Ok(_) => why,
            Err(failure) => failure.into(),
        }
    }

    async fn log_in_by_passkey(
        &self,
        caller: &Caller,
        whose: Whose,
        (state, finish): (&str, &Change),
        response: AssertionResponse,
        now: Timestamp,
    ) -> Result<Opened, FinishPasskeyLoginError> {
        let verified = self.verify_passkey(caller, whose, state, response, now).await;
        let Verified { factor, proven, used } =
            self.accepted(caller, EventType::LoginFailure, verified, finish, now).await?;
        let scope = Scope::from(&caller.tenant);
        let (identity, tenant, device) = try_join3(
            self.store.accounts.identity(&scope, factor.identity),
            self.store.tenants.tenant(&caller.tenant),
            self.known_device(caller, &caller.tenant, factor.identity),
        )
        .await?;
        let (identity, tenant) = (identity.ok_or_else(outdated)?, tenant.filter(|tenant| tenant.active));
        let tenant = tenant.ok_or(AuthenticateError::NoTenant)?;
        if !tenant::allows(&tenant.settings, Method::Webauthn) {
            return Err(FinishPasskeyLoginError::UnknownCeremony);
        }
        let enrolled = methods(std::slice::from_ref(&factor));
        let login = Login {
            identity,
            settings: &tenant.settings,
            epoch: tenant.epoch,
            proven: vec![proven],
            enrolled: &enrolled,
            password: None,
            device,
            trusts_device: false,
        };
        match self.end_login(caller, login, vec![finish.clone(), used], now).await {
            Ok(opened) => Ok(opened),
            Err(EndLoginError::NotActive) => {
                Err(self.in_vain(finish.clone(), FinishPasskeyLoginError::NotActive).await)
            }
            // What was proven is used up.
            Err(EndLoginError::Unverified) => Err(FinishPasskeyLoginError::Unverified),
            Err(EndLoginError::Outdated(Guard::OneTime)) => Err(FinishPasskeyLoginError::UnknownCeremony),
            // A passkey that verified its user is enough by itself: nothing else is asked for.
            Err(EndLoginError::Outdated(_) | EndLoginError::MfaRequired(_)) => {
                Err(self.in_vain(finish.clone(), outdated()).await)
            }
            Err(EndLoginError::Failed(failure)) => Err(failure.into()),
        }
    }

    /// Verifies a response by the passkey that it is of, as it is now.
    async fn verify_passkey(
        &self,
        caller: &Caller,
        whose: Whose,
        state: &str,
        response: AssertionResponse,
        now: Timestamp,
    ) -> Result<Verified, NotVerified> {
        let verifier =
            self.passkey_verifier(&caller.tenant).ok_or(NotVerified::unknown("passkeys are not allowed here"))?;
        let found = self.store.factors.passkey(&caller.tenant, &response.credential_id).await?;
        let Some(factor) = found.filter(|factor| whose.includes(factor.identity)) else {
            let decoy = decoy_passkey(&response.credential_id, self.new_user_handle());
            let _refused_anyway = verifier.finish_login(state, &decoy, response).await;
            return Err(NotVerified::unknown("the passkey is not known here"));
        };
        let FactorKind::Webauthn(passkey) = &factor.kind else {
            return Err(Failure::Fault(format!("the factor {} is no passkey", factor.id)).into());
        };
        let verdict = verifier.finish_login(state, passkey, response).await;
        let Assertion { counter, user_verified, backed_up } = match verdict {
            Ok(assertion) => assertion,
            Err(CeremonyError::Refused(why)) => return Err(NotVerified::Refused(Some(factor.identity), why)),
            Err(CeremonyError::CounterWentBackwards) => return Err(NotVerified::Copied(Box::new(factor))),
            Err(CeremonyError::Failed(failure)) => return Err(failure.into()),
        };
        let proven = proof(passkey, user_verified, now);
        let (tenant, identity, id) = (factor.tenant.clone(), factor.identity, factor.id);
        let used = FactorChange::UsePasskey { tenant, identity, factor: id, counter, backed_up, at: now };
        Ok(Verified { factor, proven, used: Change::Factor(used) })
    }

    /// What was verified. What was not uses the ceremony up, and is audited with the reason that the client is not told: else a
    /// decoy could be told from a passkey (I-08).
    async fn accepted(
        &self,
        caller: &Caller,
        failure: EventType,
        verified: Result<Verified, NotVerified>,
        finish: &Change,
        now: Timestamp,
    ) -> Result<Verified, FinishPasskeyLoginError> {
        let (event, message) = match verified {
            Ok(verified) => return Ok(verified),
            Err(NotVerified::Failed(failure)) => return Err(failure.into()),
            Err(NotVerified::Refused(about, why)) => {
                let event =
                    self.event(caller, failure, now, "a passkey was not accepted").failed(40).with("reason", why);
                let event = match about {
                    Some(identity) => event.about(identity),
                    None => event,
                };
                (event, "the passkey was not accepted; the audit trail has the reason")
            }
            Err(NotVerified::Copied(factor)) => {
                let message = "the signature counter of a passkey went backwards: there may be a copy of it";
                let event = self
                    .event(caller, EventType::PasskeyCounter, now, message)
                    .failed(90)
                    .about(factor.identity)
                    .with("passkey", factor.id.to_string());
                (event, "there may be a copy of this passkey: remove it and register another one")
            }
        };
        let event = event.with("method", Method::Webauthn.as_str());
        if self.use_up(finish.clone(), Some(event)).await? {
            Err(FinishPasskeyLoginError::Refused(message))
        } else {
            Err(FinishPasskeyLoginError::UnknownCeremony)
        }
    }
}
