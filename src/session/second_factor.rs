//! The second half of a login: an MFA token for a login that lacks a factor, and the factor that completes it.

use futures_util::future::{join, try_join4};
use kayan_ports::{
    Change, CommitError, CredentialId, Device, EventType, Factor, Guard, Identifier, Identity, IdentityId, Method,
    MethodUse, OneTimeChange, OneTimePurpose, OneTimeToken, Tenant, TenantId, Timestamp, Version,
};
use serde::{Deserialize, Serialize};
use time::Duration;

use crate::{
    AttemptError, Caller, Failure, Kayan, MissingFactor, Opened, Purpose, Token,
    access::attempt::{self, Attempt},
    factor::find::methods,
    session::open::{EndLoginError, Login},
};

/// How long an MFA token is good.
const LIFETIME: Duration = Duration::minutes(5);
/// How many wrong codes an MFA token takes.
const TRIES: u32 = 5;

/// A login that lacks a factor, and the token that completes it with one.
///
/// **Invariant**: the token opens nothing but the factor endpoints, for its own identity, for five minutes (I-18).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a second factor is required")]
pub struct MfaChallenge {
    /// The factors that would do.
    pub missing: MissingFactor,
    /// The token: shown now, and never again.
    pub mfa_token: Token,
    /// From then on it is refused.
    pub expires_at: Timestamp,
}

/// An MFA token that is unknown, expired, used up, or of a user who is no longer active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the MFA token is unknown, expired or used up: log in again")]
pub struct InvalidMfaToken;

/// Why a login was not completed.
#[derive(Debug)]
pub(crate) enum CompleteLoginError {
    InvalidMfaToken,
    /// The code was used up just now.
    InvalidCode,
    NotActive,
    Failed(Failure),
}

/// What is kept of a login until a factor completes it.
#[derive(Debug, Serialize, Deserialize)]
struct Begun {
    /// The methods that were proven already.
    proven: Vec<MethodUse>,
    /// The password among them, or the link of the account at a provider, which must be the same at the end.
    password: Option<(CredentialId, Version)>,
    /// The epoch of the tenant: revoking all sessions ends the login, too.
    epoch: i64,
}

/// A login that lacks a factor.
#[derive(Debug)]
pub(crate) struct PendingLogin {
    token: OneTimeToken,
    begun: Begun,
    pub(crate) tenant: Tenant,
    pub(crate) identity: Identity,
    pub(crate) factors: Vec<Factor>,
    /// Where a code can be sent that completes it.
    pub(crate) code_addresses: Vec<Identifier>,
    device: Option<Device>,
    /// Whether the device is to stand in for the second factor from now on.
    pub(crate) trusts_device: bool,
}

impl PendingLogin {
    /// Whether its user has no factor yet and gets no code, and enrolls a factor to log in. Otherwise, the password must not be
    /// enough to enroll one.
    pub(crate) fn enrolls(&self) -> bool {
        self.code_addresses.is_empty() && !self.factors.iter().any(|factor| factor.kind.is_usable())
    }

    /// From then on it can't be completed.
    pub(crate) fn expires_at(&self) -> Timestamp {
        self.token.expires_at
    }
}

impl Kayan {
    /// A challenge, with the change that issues its token.
    pub(crate) fn challenge(
        &self,
        login: &Login<'_>,
        missing: MissingFactor,
        now: Timestamp,
    ) -> Result<(MfaChallenge, Change), Failure> {
        let mfa_token = Token::random(Purpose::Mfa, &*self.entropy);
        let expires_at = now + LIFETIME;
        let begun = Begun { proven: login.proven.clone(), password: login.password, epoch: login.epoch };
        let data = serde_json::to_string(&begun)
            .map_err(|error| Failure::Fault(format!("a login can't be written as JSON: {error}")))?;
        let token = OneTimeToken {
            hash: mfa_token.hash(),
            tenant: login.identity.tenant.clone(),
            purpose: OneTimePurpose::Mfa,
            identity: Some(login.identity.id),
            data,
            tries: TRIES,
            created_at: now,
            expires_at,
        };
        let issue = Change::OneTime(OneTimeChange::Issue(Box::new(token)));
        Ok((MfaChallenge { missing, mfa_token, expires_at }, issue))
    }

    /// The login that an MFA token is of; `None` when the token is unknown, expired or used up.
    pub(crate) async fn pending_login(
        &self,
        caller: &Caller,
        token: &Token,
        now: Timestamp,
    ) -> Result<Option<PendingLogin>, Failure> {
        let (of, hash) = (&caller.tenant, token.hash());
        let Some(token) = self.store.one_time.one_time(of, OneTimePurpose::Mfa, &hash, now).await? else {
            return Ok(None);
        };
        let owner = token.identity.ok_or_else(|| Failure::Fault("an MFA token has no owner".to_owned()))?;
        let begun: Begun = serde_json::from_str(&token.data)
            .map_err(|error| Failure::Fault(format!("an MFA token's data is damaged: {error}")))?;
        let is_same = |tenant: &Tenant| tenant.active && tenant.epoch == begun.epoch;
        let scope = of.into();
        let (tenant, identity, factors, device) = try_join4(
            self.store.tenants.tenant(of),
            self.store.accounts.identity(&scope, owner),
            self.store.factors.factors(of, owner),
            self.known_device(caller, of, owner),
        )
        .await?;
        let Some((tenant, identity)) = tenant.filter(is_same).zip(identity) else { return Ok(None) };
        let factors = self.usable(of, &tenant.settings, factors);
        let code_addresses = self.code_addresses(&identity, &tenant.settings, &methods(&factors), &begun.proven);
        let trusts_device = false;
        Ok(Some(PendingLogin { token, begun, tenant, identity, factors, code_addresses, device, trusts_device }))
    }

    /// Counts an attempt at a second factor of this identity.
    pub(crate) async fn attempt_code(
        &self,
        caller: &Caller,
        tenant: &TenantId,
        id: IdentityId,
    ) -> Result<Attempt, AttemptError> {
        let target = (attempt::factor_of(tenant, id), &*id.to_string());
        self.attempt(caller, attempt::SECOND_FACTOR, target, None).await
    }

    /// Counts a try of a code, for the account and for the token, before the code is looked at; `None` when the token has
    /// no try left.
    pub(crate) async fn begin_try(
        &self,
        caller: &Caller,
        login: &PendingLogin,
    ) -> Result<Option<Attempt>, AttemptError> {
        let (tenant, id) = (&login.identity.tenant, login.identity.id);
        let (of, purpose, hash) = (tenant.clone(), OneTimePurpose::Mfa, login.token.hash);
        let try_it = Change::OneTime(OneTimeChange::Try { tenant: of, purpose, hash, at: self.clock.now() });
        // At once, for each waits for the disk. A try that a locked account takes is lost, but its code was not looked at.
        let (attempt, tried) =
            join(self.attempt_code(caller, tenant, id), self.store.changes.commit(vec![try_it])).await;
        let attempt = attempt?;
        let Err(refused) = tried else { return Ok(Some(attempt)) };
        self.release(attempt).await;
        match refused {
            CommitError::Stale(Guard::OneTime) => Ok(None),
            other => Err(Failure::from(other).into()),
        }
    }

    /// Settles an attempt at a code that was right: forgotten if it led to something, else not counted.
    pub(crate) async fn settle(&self, attempt: Attempt, succeeded: bool) {
        if succeeded {
            self.forget(attempt).await;
        } else {
            self.release(attempt).await;
        }
    }

    pub(crate) async fn record_wrong_code(
        &self,
        caller: &Caller,
        identity: IdentityId,
        method: Method,
    ) -> Result<(), Failure> {
        let event = self
            .event(caller, EventType::MfaFailure, self.clock.now(), "the code was wrong, expired or used before")
            .about(identity)
            .failed(40)
            .with("method", method.as_str());
        self.record(event).await
    }

    /// Opens the session of a login that was completed by what is `proven` now, with `changes` that use that up.
    pub(crate) async fn complete_login(
        &self,
        caller: &Caller,
        login: PendingLogin,
        proven: MethodUse,
        changes: Vec<Change>,
        now: Timestamp,
    ) -> Result<Opened, CompleteLoginError> {
        let PendingLogin { token, begun, tenant, identity, factors, device, trusts_device, .. } = login;
        let Begun { proven: mut all, password, epoch } = begun;
        let method = proven.method;
        all.push(proven);
        let using = OneTimeChange::Use {
            tenant: identity.tenant.clone(),
            purpose: OneTimePurpose::Mfa,
            hash: token.hash,
            at: now,
        };
        let verified = self.verified(caller, identity.id, method, now);
        let changes = [Change::OneTime(using)].into_iter().chain(changes).chain([verified]).collect();
        let enrolled = methods(&factors);
        let login = Login {
            identity,
            settings: &tenant.settings,
            epoch,
            proven: all,
            enrolled: &enrolled,
            password,
            device,
            trusts_device,
        };
        match self.end_login(caller, login, changes, now).await {
            Ok(opened) => Ok(opened),
            Err(EndLoginError::NotActive) => Err(CompleteLoginError::NotActive),
            Err(EndLoginError::Outdated(Guard::Factor)) => Err(CompleteLoginError::InvalidCode),
            // Used by a parallel request, the password was changed, or what was proven is still not enough.
            Err(EndLoginError::Outdated(_) | EndLoginError::MfaRequired(_) | EndLoginError::Unverified) => {
                Err(CompleteLoginError::InvalidMfaToken)
            }
            Err(EndLoginError::Failed(failure)) => Err(CompleteLoginError::Failed(failure)),
        }
    }

    /// The audit event of a factor that was verified.
    pub(crate) fn verified(&self, caller: &Caller, identity: IdentityId, method: Method, now: Timestamp) -> Change {
        self.event(caller, EventType::MfaSuccess, now, "a second factor was verified")
            .by(identity)
            .with("method", method.as_str())
            .record()
    }
}
