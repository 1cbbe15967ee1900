//! Counts an attempt to prove who one is before it is made (I-09), and settles it afterwards.

use kayan_ports::{
    AttemptKey, Change, EventType, Identifier, IdentityId, Lockout, Method, Reservation, Target, TenantId, Timestamp,
    timestamp,
};
use sha2::{Digest, Sha256};

use crate::{Caller, Failure, Kayan, policy::flood::Kind};

/// What the budget for events about it is called.
pub(crate) const LOCKOUT: Kind = "lockout";

/// When guessing ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockoutSettings {
    /// After how many wrong guesses, and for how long.
    pub lockout: Lockout,
    /// Whether guesses from a network that the account has logged in from are counted apart, so that strangers can't
    /// lock its owner out.
    pub known_networks_apart: bool,
}

/// So many wrong guesses that no more are heard, whether or not there is such an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many wrong guesses")]
pub struct Locked {
    /// Until then.
    pub until: Timestamp,
    /// Counted from now.
    pub now: Timestamp,
}

/// Why an attempt must not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttemptError {
    /// Too many before it.
    #[error(transparent)]
    Locked(#[from] Locked),
    /// The service can't tell.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// An attempt that was counted as a wrong one and may be made; nothing when nobody counts.
#[derive(Debug)]
#[must_use = "an attempt that was right, or came to no verdict, must be taken back"]
pub(crate) struct Attempt(Option<AttemptKey>);

/// What guesses at an identifier are counted by.
pub(crate) fn target(tenant: &TenantId, identifier: &Identifier) -> Target {
    Target { tenant: tenant.clone(), identifier: Sha256::digest(identifier.as_str()).into() }
}

/// What guesses by somebody who is logged in already are counted by.
pub(crate) fn target_of(tenant: &TenantId, identity: IdentityId) -> Target {
    Target { tenant: tenant.clone(), identifier: Sha256::digest(format!("identity {identity}")).into() }
}

impl Kayan {
    /// Counts an attempt at `target`, which the audit trail calls `name`. `known` says whether its owner has come from
    /// this client's network before.
    pub(crate) async fn attempt(
        &self,
        caller: &Caller,
        (target, name): (Target, &str),
        known: bool,
    ) -> Result<Attempt, AttemptError> {
        let Some(LockoutSettings { lockout, known_networks_apart }) = self.settings.lockout else {
            return Ok(Attempt(None));
        };
        let known_network = caller.client.network().filter(|_| known && known_networks_apart);
        let (key, now) = (AttemptKey { target, known_network }, self.clock.now());
        match self.attempts.reserve(&key, &lockout, now).await? {
            Reservation::Reserved => Ok(Attempt(Some(key))),
            Reservation::Locked { until } => {
                self.record_locked(caller, (&key.target, name), until, now).await;
                // Asked anew: the last of parallel attempts may have begun after this one.
                Err(Locked { until, now: self.clock.now() }.into())
            }
        }
    }

    async fn record_locked(&self, caller: &Caller, (target, name): (&Target, &str), until: Timestamp, now: Timestamp) {
        if !self.flood.lock().tell(&caller.tenant, LOCKOUT, &target.to_string(), now) {
            return;
        }
        let event = self
            .event(caller, EventType::LoginBlocked, now, "too many wrong guesses")
            .failed(60)
            .with("method", Method::Password.as_str())
            .with("identifier", name)
            .with("locked_until", timestamp::text(until));
        // Who is locked out is told so, whether or not it can be written down.
        let _unwritten = self.record(event).await;
    }

    /// The change that takes an attempt back in the commit that it leads to, where attempts are counted in the store.
    pub(crate) fn forgetting(&self, attempt: &Attempt) -> Option<Change> {
        attempt.0.as_ref().and_then(|key| self.attempts.forgetting(key))
    }

    /// The attempt was right, and its change is committed: its key's wrong ones don't count any more.
    pub(crate) async fn forget(&self, attempt: Attempt) {
        if let Some(key) = attempt.0 {
            // It was right, whatever becomes of the count.
            let _uncounted = self.attempts.forget(&key).await;
        }
    }

    /// The attempt came to no verdict, or was right and led to nothing: it does not count.
    pub(crate) async fn release(&self, attempt: Attempt) {
        if let Some(key) = attempt.0 {
            let _uncounted = self.attempts.release(&key).await;
        }
    }
}

#[cfg(test)]
mod tests;
