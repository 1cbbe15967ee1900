//! Completes a login by a recovery code.

use kayan_ports::{Change, FactorChange, FactorKind, Method, MethodUse};

use crate::{Caller, InvalidMfaToken, Kayan, Opened, Token, VerifyTotpError, factor::recovery_code::hash};

/// A recovery code, for a login that lacks a factor.
pub struct VerifyRecoveryCode {
    /// The code.
    pub code: String,
    /// The token of the login; `None` when it is not one.
    pub mfa_token: Option<Token>,
}

impl std::fmt::Debug for VerifyRecoveryCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifyRecoveryCode").field("mfa_token", &self.mfa_token).finish_non_exhaustive()
    }
}

/// A login that was completed, and how many recovery codes are left.
#[derive(Debug)]
pub struct VerifiedRecoveryCode {
    /// The session.
    pub opened: Opened,
    /// How many recovery codes are left.
    pub left: usize,
}

impl Kayan {
    /// Completes a login by a recovery code. Codes work in any order, each once (I-06).
    pub async fn verify_recovery_code(
        &self,
        caller: &Caller,
        cmd: VerifyRecoveryCode,
    ) -> Result<VerifiedRecoveryCode, VerifyTotpError> {
        let token = cmd.mfa_token.ok_or(InvalidMfaToken)?;
        let login = self.pending_login(caller, &token, self.clock.now()).await?.ok_or(InvalidMfaToken)?;
        let attempt = self.begin_try(caller, &login).await?.ok_or(InvalidMfaToken)?;
        let now = self.clock.now();
        let shown = FactorKind::RecoveryCode { hash: hash(&cmd.code) };
        let codes = login.factors.iter().filter(|factor| matches!(factor.kind, FactorKind::RecoveryCode { .. }));
        let (count, known) = (codes.clone().count(), codes.clone().any(|code| code.kind == shown));
        let FactorKind::RecoveryCode { hash } = shown else { return Err(VerifyTotpError::InvalidCode) };
        if !known {
            self.record_wrong_code(caller, login.identity.id, Method::RecoveryCode).await?;
            return Err(VerifyTotpError::InvalidCode);
        }
        let (tenant, identity) = (login.identity.tenant.clone(), login.identity.id);
        let mut changes: Vec<Change> = self.forgetting(&attempt).into_iter().collect();
        changes.push(Change::Factor(FactorChange::UseRecoveryCode { tenant, identity, hash }));
        let completed =
            self.complete_login(caller, login, MethodUse::new(Method::RecoveryCode, now), changes, now).await;
        self.settle(attempt, completed.is_ok()).await;
        Ok(VerifiedRecoveryCode { opened: completed?, left: count - 1 })
    }
}
