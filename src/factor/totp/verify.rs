//! Verifies a code of an authenticator app: confirms the app, steps a session up, or completes a login.

use kayan_ports::{
    Aal, Change, CommitError, EventType, FactorChange, Guard, KnownFactors, MessageKind, Method, MethodUse,
    TenantSettings, Timestamp,
};

use crate::{
    AttemptError, AuthenticateError, Caller, Failure, Kayan, Locked, Opened, StepUpRequired, Token,
    factor::{find::has_second_factor, recovery_code::NewRecoveryCodes, totp::Match},
    session::{
        revoke_mine::end_sessions,
        second_factor::{CompleteLoginError, InvalidMfaToken},
        step_up::pin,
    },
};

/// A code of an authenticator app.
pub struct VerifyTotp {
    /// Six digits.
    pub code: String,
    /// The token of a login that lacks a factor, in place of a session.
    pub mfa_token: Option<Token>,
    /// Whether the device is to stand in for the second factor from now on, if the code completes a login.
    pub trust_device: bool,
}

impl std::fmt::Debug for VerifyTotp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifyTotp").field("mfa_token", &self.mfa_token).finish_non_exhaustive()
    }
}

/// What a code led to.
#[derive(Debug, Default)]
pub struct VerifiedTotp {
    /// The session that was opened or stepped up, with new tokens.
    pub opened: Option<Opened>,
    /// New recovery codes, where the app is the user's first factor: shown now, and never again.
    pub recovery_codes: Option<NewRecoveryCodes>,
}

/// Why a code was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyTotpError {
    /// There is no valid session.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// The MFA token is unknown, expired or used up.
    #[error(transparent)]
    InvalidMfaToken(#[from] InvalidMfaToken),
    /// The code is of no app of the user, of another time, or was used before.
    #[error("the code is wrong, expired or was used before")]
    InvalidCode,
    /// The session does not prove enough to confirm another app.
    #[error(transparent)]
    StepUp(#[from] StepUpRequired),
    /// The account is not active. Revealed only after the proof.
    #[error("this account is not active")]
    NotActive,
    /// Too many wrong codes before this one.
    #[error(transparent)]
    Locked(#[from] Locked),
}

impl From<Failure> for VerifyTotpError {
    fn from(failure: Failure) -> Self {
        Self::Authenticate(failure.into())
    }
}

impl From<AttemptError> for VerifyTotpError {
    fn from(error: AttemptError) -> Self {
        match error {
            AttemptError::Locked(locked) => locked.into(),
            AttemptError::Failed(failure) => failure.into(),
        }
    }
}

impl From<CompleteLoginError> for VerifyTotpError {
    fn from(error: CompleteLoginError) -> Self {
        match error {
            CompleteLoginError::InvalidMfaToken => InvalidMfaToken.into(),
            CompleteLoginError::InvalidCode => Self::InvalidCode,
            CompleteLoginError::NotActive => Self::NotActive,
            CompleteLoginError::Failed(failure) => failure.into(),
        }
    }
}

impl Kayan {
    /// Verifies a code. Each is good once, for one step of 30 seconds before and after its own (I-05).
    pub async fn verify_totp(&self, caller: &Caller, cmd: VerifyTotp) -> Result<VerifiedTotp, VerifyTotpError> {
        match &cmd.mfa_token {
            Some(token) => self.complete_login_by_totp(caller, token, &cmd).await,
            None => self.verify_totp_in_session(caller, &cmd.code).await,
        }
    }

    async fn complete_login_by_totp(
        &self,
        caller: &Caller,
        token: &Token,
        cmd: &VerifyTotp,
    ) -> Result<VerifiedTotp, VerifyTotpError> {
        let mut login = self.pending_login(caller, token, self.clock.now()).await?.ok_or(InvalidMfaToken)?;
        login.trusts_device = cmd.trust_device;
        let attempt = self.begin_try(caller, &login).await?.ok_or(InvalidMfaToken)?;
        let now = self.clock.now();
        let matched = match self.matching_app(&login.factors, &cmd.code, now).await {
            Ok(matched) => matched,
            Err(failure) => {
                self.release(attempt).await;
                return Err(failure.into());
            }
        };
        // An app that waits to be confirmed completes a login only where there is no other factor.
        let matched = matched.filter(|it| it.confirmed || login.enrolls());
        let Some(matched) = matched else {
            self.record_wrong_code(caller, login.identity.id, Method::Totp).await?;
            return Err(VerifyTotpError::InvalidCode);
        };
        let (mut changes, mut recovery_codes) = (self.forgetting(&attempt), None);
        if matched.confirmed {
            changes.push(use_up(&matched, now));
        } else {
            let codes = self.new_recovery_codes(&login.identity, now);
            changes.push(self.is_still_first(&matched, &login.tenant.settings));
            changes.extend(self.confirmation(caller, &matched, true, now));
            changes.extend(codes.changes);
            changes.extend(
                self.factor_notice(Some(caller), &login.identity, MessageKind::FactorAdded, &matched.app.name).await?,
            );
            recovery_codes = Some(codes.codes);
        }
        let completed = self.complete_login(caller, login, MethodUse::new(Method::Totp, now), changes, now).await;
        self.settle(attempt, completed.is_ok()).await;
        Ok(VerifiedTotp { opened: Some(completed?), recovery_codes })
    }

    async fn verify_totp_in_session(&self, caller: &Caller, code: &str) -> Result<VerifiedTotp, VerifyTotpError> {
        let me = self.authenticate_at_any_level(caller, self.clock.now()).await?;
        let (tenant, id) = (&me.identity.tenant, me.identity.id);
        let factors = self.my_usable_factors(&me).await?;
        let attempt = self.attempt_code(caller, tenant, id).await?;
        let now = self.clock.now();
        let matched = match self.matching_app(&factors, code, now).await {
            Ok(matched) => matched,
            Err(failure) => {
                self.release(attempt).await;
                return Err(failure.into());
            }
        };
        let Some(matched) = matched else {
            self.record_wrong_code(caller, id, Method::Totp).await?;
            return Err(VerifyTotpError::InvalidCode);
        };
        let mut verified = VerifiedTotp::default();
        let mut changes = self.forgetting(&attempt);
        if matched.confirmed {
            let (opened, step_up) = match self.step_up(caller, &me, MethodUse::new(Method::Totp, now), now).await {
                Ok(stepped_up) => stepped_up,
                Err(failure) => {
                    self.release(attempt).await;
                    return Err(failure.into());
                }
            };
            changes.extend(step_up);
            changes.push(use_up(&matched, now));
            verified.opened = Some(opened);
        } else {
            // Another app may have been confirmed since this one was enrolled.
            if has_second_factor(&factors) && me.session.aal < Aal::Aal2 {
                self.release(attempt).await;
                return Err(StepUpRequired::Aal2.into());
            }
            let is_first = !has_second_factor(&factors);
            changes.extend(is_first.then(|| self.is_still_first(&matched, &me.settings)));
            // They were opened by the password alone.
            changes.extend(is_first.then(|| end_sessions(&me.identity, Some(me.session.id))));
            changes.push(pin(&me.session));
            changes.extend(self.confirmation(caller, &matched, is_first, now));
            changes.extend(
                self.factor_notice(Some(caller), &me.identity, MessageKind::FactorAdded, &matched.app.name).await?,
            );
            if is_first {
                let codes = self.new_recovery_codes(&me.identity, now);
                changes.extend(codes.changes);
                verified.recovery_codes = Some(codes.codes);
            }
        }
        let committed = self.store.changes.commit(changes).await;
        self.settle(attempt, committed.is_ok()).await;
        match committed {
            Ok(()) => Ok(verified),
            // The same code was accepted just now, the app removed, or another first factor added.
            Err(CommitError::Stale(Guard::Factor | Guard::Factors)) => Err(VerifyTotpError::InvalidCode),
            Err(CommitError::Stale(Guard::Session)) => Err(AuthenticateError::Unauthorized.into()),
            Err(other) => Err(Failure::from(other).into()),
        }
    }

    /// Keeps an app from being confirmed as the first factor once there is another one.
    fn is_still_first(&self, Match { app, .. }: &Match, settings: &TenantSettings) -> Change {
        let (tenant, identity) = (app.tenant.clone(), app.identity);
        let takes_passkeys = self.takes_passkeys(&tenant, settings);
        let known = if takes_passkeys { KnownFactors::Nothing } else { KnownFactors::NoApp };
        Change::Factor(FactorChange::Pin { tenant, identity, known })
    }

    fn confirmation(&self, caller: &Caller, matched: &Match, is_first: bool, now: Timestamp) -> [Change; 2] {
        let Match { app, step, .. } = matched;
        let message = if is_first {
            "the first second factor was confirmed, an authenticator app; other sessions were revoked"
        } else {
            "an authenticator app was confirmed"
        };
        let event = self
            .event(caller, EventType::MfaEnrolled, now, message)
            .by(app.identity)
            .resource(format!("credential/{}", app.id))
            .with("method", Method::Totp.as_str());
        let confirm = FactorChange::Confirm {
            tenant: app.tenant.clone(),
            identity: app.identity,
            factor: app.id,
            step: *step,
            at: now,
        };
        [Change::Factor(confirm), event.record()]
    }
}

fn use_up(Match { app, step, .. }: &Match, now: Timestamp) -> Change {
    let (tenant, identity) = (app.tenant.clone(), app.identity);
    Change::Factor(FactorChange::UseTotp { tenant, identity, factor: app.id, step: *step, at: now })
}
