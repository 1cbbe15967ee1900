//! Counts an authentication attempt before it is made (I-09), and settles it afterwards.

use kayan_ports::{
    AttemptKey, Change, EventType, Identifier, IdentityId, Lockout, Method, Reservation, Target, TenantId, Timestamp,
    timestamp,
};
use sha2::{Digest, Sha256};

use crate::{Caller, Failure, Kayan, policy::flood::Kind};

/// What the budget for events about it is called.
pub(crate) const LOCKOUT: Kind = "lockout";

/// What the lockout of logins is called.
pub(crate) const LOGIN: &str = "login";
/// What the lockout of second factors is called.
pub(crate) const SECOND_FACTOR: &str = "second-factor";
/// The lockout of second factors where there is none of passwords.
const CODES: LockoutSettings = LockoutSettings {
    lockout: Lockout { name: SECOND_FACTOR, max_failures: 10, duration: std::time::Duration::from_mins(15) },
    known_networks_apart: false,
};
/// What the lockout of a user who confirms the password in a session is called.
pub(crate) const CONFIRMATION: &str = "confirmation";

/// The lockout after failed attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockoutSettings {
    /// After how many failed attempts, and for how long.
    pub lockout: Lockout,
    /// Whether attempts from a network that the account has logged in from are counted separately, so that strangers can't
    /// lock its owner out.
    pub known_networks_apart: bool,
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

/// An attempt that was counted as failed and may be made; `None` without a lockout.
#[derive(Debug)]
#[must_use = "an attempt that succeeded, or came to no verdict, must be taken back"]
pub(crate) struct Attempt(Option<AttemptKey>);

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

impl Kayan {
    /// Counts an attempt at `target`, which the audit trail calls `name`, against the lockout called `guarded`. `known` says
    /// whether the account has logged in from this client's network before.
    pub(crate) async fn attempt(
        &self,
        caller: &Caller,
        guarded: &'static str,
        (target, name): (Target, &str),
        known: bool,
    ) -> Result<Attempt, AttemptError> {
        // Six digits can be guessed, so codes are counted even without a lockout of passwords.
        let codes = (guarded == SECOND_FACTOR).then_some(CODES);
        let Some(LockoutSettings { lockout, known_networks_apart }) = self.settings.lockout.or(codes) else {
            return Ok(Attempt(None));
        };
        let known_network = caller.client.network().filter(|_| known && known_networks_apart);
        let (key, now) = (AttemptKey { target, known_network }, self.clock.now());
        let lockout = Lockout { name: guarded, ..lockout };
        match self.attempts.reserve(&key, &lockout, now).await? {
            Reservation::Reserved => Ok(Attempt(Some(key))),
            Reservation::Locked { until } => {
                let method = if guarded == SECOND_FACTOR { Method::Totp } else { Method::Password };
                self.record_locked(caller, (&key.target, name), method, until, now).await;
                // Read again: the last of parallel attempts may have begun after this one.
                Err(Locked { until, now: self.clock.now() }.into())
            }
        }
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

    /// The change that takes an attempt back in the commit that it leads to, where attempts are counted in the store.
    pub(crate) fn forgetting(&self, attempt: &Attempt) -> Option<Change> {
        attempt.0.as_ref().and_then(|key| self.attempts.forgetting(key))
    }

    /// The attempt succeeded and its change is committed: the failed ones under its key no longer count.
    pub(crate) async fn forget(&self, attempt: Attempt) {
        if let Some(key) = attempt.0 {
            // The login stands even if the count can't be reset.
            let _uncounted = self.attempts.forget(&key).await;
        }
    }

    /// The attempt came to no verdict, or succeeded without effect: it does not count.
    pub(crate) async fn release(&self, attempt: Attempt) {
        if let Some(key) = attempt.0 {
            let _uncounted = self.attempts.release(&key).await;
        }
    }
}

#[cfg(test)]
mod tests;
