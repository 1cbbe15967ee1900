//! Verifies a recovery code: completes a login, or steps a session up.

use kayan_ports::{Change, CommitError, Factor, FactorChange, FactorKind, Guard, Identity, Method, MethodUse};

use crate::{
    AuthenticateError, Caller, Failure, InvalidMfaToken, Kayan, Opened, Token, VerifyTotpError,
    access::attempt::Attempt, factor::recovery_code::hash,
};

/// A recovery code.
pub struct VerifyRecoveryCode {
    /// The code.
    pub code: String,
    /// The token of a login that lacks a factor, in place of a session.
    pub mfa_token: Option<Token>,
}

impl std::fmt::Debug for VerifyRecoveryCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifyRecoveryCode").field("mfa_token", &self.mfa_token).finish_non_exhaustive()
    }
}

/// A session that was opened or stepped up, and how many recovery codes are left.
#[derive(Debug)]
pub struct VerifiedRecoveryCode {
    /// The session.
    pub opened: Opened,
    /// How many recovery codes are left.
    pub left: usize,
}

impl Kayan {
    /// Verifies a recovery code. Codes work in any order, each once (I-06). In a session it stands in for any second factor
    /// that was lost, also for a passkey, which no login by password asks for.
    pub async fn verify_recovery_code(
        &self,
        caller: &Caller,
        cmd: VerifyRecoveryCode,
    ) -> Result<VerifiedRecoveryCode, VerifyTotpError> {
        match &cmd.mfa_token {
            Some(token) => self.complete_login_by_recovery_code(caller, token, &cmd.code).await,
            None => self.step_up_by_recovery_code(caller, &cmd.code).await,
        }
    }

    async fn complete_login_by_recovery_code(
        &self,
        caller: &Caller,
        token: &Token,
        code: &str,
    ) -> Result<VerifiedRecoveryCode, VerifyTotpError> {
        let login = self.pending_login(caller, token, self.clock.now()).await?.ok_or(InvalidMfaToken)?;
        let attempt = self.begin_try(caller, &login).await?.ok_or(InvalidMfaToken)?;
        let now = self.clock.now();
        let (used, left) = self.matching_code(caller, &login.identity, &login.factors, code, &attempt).await?;
        let proven = MethodUse::new(Method::RecoveryCode, now);
        let completed = self.complete_login(caller, login, proven, used, now).await;
        self.settle(attempt, completed.is_ok()).await;
        Ok(VerifiedRecoveryCode { opened: completed?, left })
    }

    async fn step_up_by_recovery_code(
        &self,
        caller: &Caller,
        code: &str,
    ) -> Result<VerifiedRecoveryCode, VerifyTotpError> {
        let me = self.authenticate_at_any_level(caller, self.clock.now()).await?;
        let (tenant, id) = (&me.identity.tenant, me.identity.id);
        let factors = self.store.factors.factors(tenant, id).await?;
        let attempt = self.attempt_code(caller, tenant, id).await?;
        let now = self.clock.now();
        let (used, left) = self.matching_code(caller, &me.identity, &factors, code, &attempt).await?;
        let stepped_up = self.step_up(caller, &me, MethodUse::new(Method::RecoveryCode, now), now).await;
        let (opened, changes) = match stepped_up {
            Ok(stepped_up) => stepped_up,
            Err(failure) => {
                self.release(attempt).await;
                return Err(failure.into());
            }
        };
        let committed = self.store.changes.commit(changes.into_iter().chain(used).collect()).await;
        self.settle(attempt, committed.is_ok()).await;
        match committed {
            Ok(()) => Ok(VerifiedRecoveryCode { opened, left }),
            // The same code was accepted just now.
            Err(CommitError::Stale(Guard::Factor)) => Err(VerifyTotpError::InvalidCode),
            Err(CommitError::Stale(Guard::Session)) => Err(AuthenticateError::Unauthorized.into()),
            Err(other) => Err(Failure::from(other).into()),
        }
    }

    /// The changes that use this code up, and how many are left then. A wrong code is audited and stays counted.
    async fn matching_code(
        &self,
        caller: &Caller,
        identity: &Identity,
        factors: &[Factor],
        code: &str,
        attempt: &Attempt,
    ) -> Result<(Vec<Change>, usize), VerifyTotpError> {
        let hash = hash(code);
        let shown = FactorKind::RecoveryCode { hash };
        let codes = factors.iter().filter(|factor| matches!(factor.kind, FactorKind::RecoveryCode { .. }));
        if !codes.clone().any(|code| code.kind == shown) {
            self.record_wrong_code(caller, identity.id, Method::RecoveryCode).await?;
            return Err(VerifyTotpError::InvalidCode);
        }
        let use_up = FactorChange::UseRecoveryCode { tenant: identity.tenant.clone(), identity: identity.id, hash };
        let left = codes.count() - 1;
        let notice = self.codes_notice(caller, identity, left).await?;
        let changes = self.forgetting(attempt).into_iter().chain([Change::Factor(use_up)]).chain(notice).collect();
        Ok((changes, left))
    }
}
