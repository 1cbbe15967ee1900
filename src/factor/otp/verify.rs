//! Verifies a code that was sent as a second factor: completes a login, or steps a session up.

use kayan_ports::{
    Change, CommitError, Guard, Identifier, Identity, Method, MethodUse, OneTimeChange, OneTimePurpose, Timestamp,
    TokenHash,
};
use zeroize::Zeroizing;

use crate::{
    AuthenticateError, Caller, Failure, InvalidMfaToken, Kayan, Opened, Token, VerifyTotpError,
    access::attempt::Attempt,
    factor::{find::methods, otp::slot},
};

/// A code that was sent as a second factor.
#[derive(Debug)]
pub struct VerifyOtp {
    /// Six digits; spaces are ignored.
    pub code: Zeroizing<String>,
    /// The token of a login that lacks a factor, in place of a session.
    pub mfa_token: Option<Token>,
}

impl Kayan {
    /// Verifies a code. It is good once, and only for the login or the session that requested it.
    pub async fn verify_otp(&self, caller: &Caller, cmd: &VerifyOtp) -> Result<Opened, VerifyTotpError> {
        match &cmd.mfa_token {
            Some(token) => self.complete_login_by_otp(caller, token, &cmd.code).await,
            None => self.step_up_by_otp(caller, &cmd.code).await,
        }
    }

    async fn complete_login_by_otp(
        &self,
        caller: &Caller,
        token: &Token,
        code: &str,
    ) -> Result<Opened, VerifyTotpError> {
        let login = self.pending_login(caller, token, self.clock.now()).await?.ok_or(InvalidMfaToken)?;
        let attempt = self.begin_try(caller, &login).await?.ok_or(InvalidMfaToken)?;
        let now = self.clock.now();
        let sent = Sent { slot: slot(&caller.tenant, &token.hash().0), addresses: &login.code_addresses };
        let used = self.matching_otp(caller, &login.identity, &sent, code, now).await;
        let (attempt, used) = self.unless_failed(attempt, used).await?;
        let changes = self.forgetting(&attempt).into_iter().chain([used]).collect();
        let completed = self.complete_login(caller, login, MethodUse::new(Method::Otp, now), changes, now).await;
        self.settle(attempt, completed.is_ok()).await;
        Ok(completed?)
    }

    async fn step_up_by_otp(&self, caller: &Caller, code: &str) -> Result<Opened, VerifyTotpError> {
        let me = self.authenticate_at_any_level(caller, self.clock.now()).await?;
        let (tenant, id) = (&me.identity.tenant, me.identity.id);
        let enrolled = methods(&self.my_usable_factors(&me).await?);
        let addresses = self.code_addresses(&me.identity, &me.settings, &enrolled, &me.session.methods);
        let attempt = self.attempt_code(caller, tenant, id).await?;
        let now = self.clock.now();
        let sent = Sent { slot: slot(tenant, me.session.id.0.as_bytes()), addresses: &addresses };
        let used = self.matching_otp(caller, &me.identity, &sent, code, now).await;
        let (attempt, used) = self.unless_failed(attempt, used).await?;
        let stepped_up = self.step_up(caller, &me, MethodUse::new(Method::Otp, now), now).await;
        let (attempt, (opened, step_up)) = self.unless_failed(attempt, stepped_up.map_err(Into::into)).await?;
        let changes = self.forgetting(&attempt).into_iter().chain([used]).chain(step_up).collect();
        let committed = self.store.changes.commit(changes).await;
        self.settle(attempt, committed.is_ok()).await;
        match committed {
            Ok(()) => Ok(opened),
            // The same code was accepted just now.
            Err(CommitError::Stale(Guard::OneTime)) => Err(VerifyTotpError::InvalidCode),
            Err(CommitError::Stale(Guard::Session)) => Err(AuthenticateError::Unauthorized.into()),
            Err(other) => Err(Failure::from(other).into()),
        }
    }

    /// The change that uses the code up, if it is right: it was sent to this user, at an address that is still good for it. A
    /// wrong code is audited.
    async fn matching_otp(
        &self,
        caller: &Caller,
        identity: &Identity,
        sent: &Sent<'_>,
        code: &str,
        now: Timestamp,
    ) -> Result<Change, VerifyTotpError> {
        let (tenant, purpose, hash) = (identity.tenant.clone(), OneTimePurpose::MfaCode, sent.slot);
        let token = self.right_code(&tenant, (purpose, hash), code, now).await?;
        let is_good = |address: &Identifier| sent.addresses.contains(address);
        if token.is_some_and(|(token, address)| token.identity == Some(identity.id) && is_good(&address)) {
            return Ok(Change::OneTime(OneTimeChange::Use { tenant, purpose, hash, at: now }));
        }
        self.record_wrong_code(caller, identity.id, Method::Otp).await?;
        Err(VerifyTotpError::InvalidCode)
    }

    /// The attempt, unless the service failed: then it is not counted. A wrong code stays counted.
    async fn unless_failed<T>(
        &self,
        attempt: Attempt,
        result: Result<T, VerifyTotpError>,
    ) -> Result<(Attempt, T), VerifyTotpError> {
        match result {
            Ok(value) => Ok((attempt, value)),
            Err(VerifyTotpError::InvalidCode) => Err(VerifyTotpError::InvalidCode),
            Err(other) => {
                self.release(attempt).await;
                Err(other)
            }
        }
    }
}

/// Where a code is kept, and the addresses that one may have been sent to.
struct Sent<'a> {
    slot: TokenHash,
    addresses: &'a [Identifier],
}
