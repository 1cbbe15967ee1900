//! Counts an authentication attempt before it is made (I-09), and settles it afterwards.

use kayan_ports::{
    AttemptKey, Change, EventType, Identifier, IdentityId, Known, Lockout, LoginCandidate, Method, Reservation, Target,
    TenantId, Timestamp, timestamp,
};
use sha2::{Digest, Sha256};

use crate::{Caller, Failure, Kayan, Token, policy::flood::Kind};

/// What the budget for events about it is called.
pub(crate) const LOCKOUT: Kind = "lockout";

/// What the lockout of logins is called.
pub(crate) const LOGIN: &str = "login";
/// What the lockout of second factors is called.
pub(crate) const SECOND_FACTOR: &str = "second-factor";
/// The lockout of second factors where there is none of passwords.
const CODES: LockoutSettings = LockoutSettings {
    lockout: Lockout { name: SECOND_FACTOR, max_failures: 10, duration: std::time::Duration::from_mins(15) },
    known_origins_apart: false,
};
/// What the lockout of a user who confirms the password in a session is called.
pub(crate) const CONFIRMATION: &str = "confirmation";

/// The lockout after failed attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockoutSettings {
    /// After how many failed attempts, and for how long.
    pub lockout: Lockout,
    /// Whether attempts from a network or a device that the account has logged in from are counted separately, so that strangers
    /// can't lock its owner out.
    pub known_origins_apart: bool,
}

/// Too many failed attempts, whether or not there is such an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many failed attempts")]
pub struct Locked {
    /// When the lockout ends.
    pub until: Timestamp,
    /// The current time.
    pub now: Timestamp,
}

/// Why an attempt was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttemptError {
    /// Too many failed attempts before it.
    #[error(transparent)]
    Locked(#[from] Locked),
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// An attempt that was counted as failed and may be made; empty without a lockout.
#[derive(Debug, Default)]
#[must_use = "an attempt that succeeded, or came to no verdict, must be taken back"]
pub(crate) struct Attempt(Vec<Counted>);

/// What an attempt is counted by.
#[derive(Debug)]
struct Counted {
    key: AttemptKey,
    /// Whether it was counted; otherwise the limit was reached before it.
    is_counted: bool,
    /// Whether one that succeeds makes all others under the key forgotten, and not only itself.
    clears: bool,
}

impl Attempt {
    /// Counts it under another key as well.
    pub(crate) fn count(&mut self, key: AttemptKey, is_counted: bool, clears: bool) {
        self.0.push(Counted { key, is_counted, clears });
    }

    /// Both as one.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
}

/// What attempts at an identifier are counted by.
pub(crate) fn target(tenant: &TenantId, identifier: &Identifier) -> Target {
    Target { tenant: tenant.clone(), identifier: Sha256::digest(identifier.as_str()).into() }
}

/// What attempts at the second factors of this identity are counted by: apart from its password, so that neither locks the
/// other.
pub(crate) fn factor_of(tenant: &TenantId, identity: IdentityId) -> Target {
    Target { tenant: tenant.clone(), identifier: Sha256::digest(format!("factor {identity}")).into() }
}

/// What attempts in a session of this identity are counted by.
pub(crate) fn target_of(tenant: &TenantId, identity: IdentityId) -> Target {
    Target { tenant: tenant.clone(), identifier: Sha256::digest(format!("identity {identity}")).into() }
}

/// Where an attempt at this account comes from, if its owner has logged in from there before. A device comes before its network,
/// which strangers may be in as well.
pub(crate) fn origin(caller: &Caller, known: Option<&Known>) -> Option<String> {
    let known = known?;
    let device = known.device.as_ref().map(|device| format!("device/{}", device.id));
    device.or_else(|| caller.client.network().filter(|_| known.known_network))
}

impl Kayan {
    /// What a login with this identifier begins with; `None` if the tenant is unknown or inactive. One read, whatever there is.
    pub(crate) async fn login_candidate(
        &self,
        caller: &Caller,
        identifier: &Identifier,
    ) -> Result<Option<LoginCandidate>, Failure> {
        let device = self.device_token(caller).await?.map(Token::hash);
        let Caller { tenant, client, .. } = caller;
        self.store.credentials.login_candidate(tenant, identifier, client, device.as_ref()).await
    }

    /// Counts an attempt at `target`, which the audit trail calls `name`, against the lockout called `guarded`. `origin` is where
    /// it comes from, if the account has logged in from there before.
    pub(crate) async fn attempt(
        &self,
        caller: &Caller,
        guarded: &'static str,
        (target, name): (Target, &str),
        origin: Option<String>,
    ) -> Result<Attempt, AttemptError> {
        let Some((key, lockout)) = self.counted_by(guarded, target, origin) else {
            return Ok(Attempt::default());
        };
        match self.attempts.reserve(&key, &lockout, self.clock.now()).await? {
            Reservation::Reserved => Ok(Attempt(vec![Counted { key, is_counted: true, clears: true }])),
            Reservation::Locked { until } => Err(self.refuse_locked(caller, guarded, (&key.target, name), until).await),
        }
    }

    /// Counts an attempt to log in with this identifier. If it is locked, the owner of the address is notified.
    pub(crate) async fn attempt_login(
        &self,
        caller: &Caller,
        identifier: &Identifier,
        origin: Option<String>,
    ) -> Result<Attempt, AttemptError> {
        let target = target(&caller.tenant, identifier);
        let attempt = self.attempt(caller, LOGIN, (target, &identifier.masked()), origin).await;
        if matches!(attempt, Err(AttemptError::Locked(_))) {
            self.notify_locked(caller, identifier).await;
        }
        attempt
    }

    /// Returns an error if `target` is locked, as [`attempt`](Self::attempt) does, but counts no attempt: for secrets that
    /// can't be guessed.
    pub(crate) async fn require_unlocked(
        &self,
        caller: &Caller,
        guarded: &'static str,
        (target, name): (Target, &str),
        origin: Option<String>,
    ) -> Result<(), AttemptError> {
        let Some((key, lockout)) = self.counted_by(guarded, target, origin) else { return Ok(()) };
        match self.attempts.locked(&key, &lockout, self.clock.now()).await? {
            None => Ok(()),
            Some(until) => Err(self.refuse_locked(caller, guarded, (&key.target, name), until).await),
        }
    }

    /// What attempts are counted by, and how many are too many; `None` without a lockout.
    fn counted_by(
        &self,
        guarded: &'static str,
        target: Target,
        origin: Option<String>,
    ) -> Option<(AttemptKey, Lockout)> {
        // Six digits can be guessed, so codes are counted even without a lockout of passwords.
        let codes = (guarded == SECOND_FACTOR).then_some(CODES);
        let LockoutSettings { lockout, known_origins_apart } = self.settings.lockout.or(codes)?;
        let known_origin = origin.filter(|_| known_origins_apart);
        Some((AttemptKey { target, known_origin }, Lockout { name: guarded, ..lockout }))
    }

    async fn refuse_locked(
        &self,
        caller: &Caller,
        guarded: &'static str,
        target: (&Target, &str),
        until: Timestamp,
    ) -> AttemptError {
        let method = if guarded == SECOND_FACTOR { Method::Totp } else { Method::Password };
        // Read again: the last of parallel attempts may have begun after this one.
        let now = self.clock.now();
        self.record_locked(caller, target, method, until, now).await;
        Locked { until, now }.into()
    }

    async fn record_locked(
        &self,
        caller: &Caller,
        (target, name): (&Target, &str),
        method: Method,
        until: Timestamp,
        now: Timestamp,
    ) {
        if !self.flood.lock().tell(&caller.tenant, LOCKOUT, &target.to_string(), now) {
            return;
        }
        let event = self
            .event(caller, EventType::LoginBlocked, now, "too many failed attempts")
            .failed(60)
            .with("method", method.as_str())
            .with("identifier", name)
            .with("locked_until", timestamp::text(until));
        // The client gets its answer whether or not the event can be written.
        let _unwritten = self.record(event).await;
    }

    /// The changes that take an attempt back in the commit that it leads to, where attempts are counted in the store.
    pub(crate) fn forgetting(&self, attempt: &Attempt) -> Vec<Change> {
        let clearing = attempt.0.iter().filter(|counted| counted.clears);
        clearing.filter_map(|counted| self.attempts.forgetting(&counted.key)).collect()
    }

    /// The attempt succeeded and its changes are committed: the failed ones before it no longer count.
    pub(crate) async fn forget(&self, attempt: Attempt) {
        for Counted { key, is_counted, clears } in attempt.0 {
            // The login stands even if the count can't be reset.
            let _uncounted = match (clears, is_counted) {
                (true, _) => self.attempts.forget(&key).await,
                (false, true) => self.attempts.release(&key).await,
                (false, false) => Ok(()),
            };
        }
    }

    /// The attempt came to no verdict, or succeeded without effect: it does not count.
    pub(crate) async fn release(&self, attempt: Attempt) {
        for Counted { key, .. } in attempt.0.into_iter().filter(|counted| counted.is_counted) {
            let _uncounted = self.attempts.release(&key).await;
        }
    }
}

#[cfg(test)]
mod tests;
