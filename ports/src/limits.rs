//! The ports that count requests for rate limits and attempts for the lockout.

use std::{fmt, time::Duration};

use async_trait::async_trait;

use crate::{Change, Failure, TenantId, Timestamp};

/// So many requests in so much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Its name, such as `ip` or `login`, in responses, the audit trail and the metrics.
    pub name: &'static str,
    /// The number of requests, 1 at least.
    pub requests: u32,
    /// The length of the window, one millisecond at least.
    pub window: Duration,
}

/// The decision of a rate limit on one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Within the limit, and counted.
    Admitted {
        /// How many more would be admitted now.
        remaining: u32,
        /// How long until none of the requests counted so far counts any more.
        reset: Duration,
    },
    /// Over the limit, and not counted.
    Refused {
        /// How long until one more is admitted, if no other request comes first.
        retry_after: Duration,
    },
}

/// Counts requests over a sliding window.
///
/// Requests are counted in whole windows that begin at multiples of their length since 1970. The count at a moment is
/// that of this window, plus that of the last one in proportion to its overlap with a window that ends now, rounded
/// down. So a new client gets exactly `requests` in one window, and no client ever gets more than twice as many in one.
///
/// An implementation must
/// - admit exactly `requests` of any number of concurrent ones, and not count those it refuses;
/// - count each name and each `who` separately;
/// - drop counts that no longer matter, so that a flood of new clients does not fill the memory;
/// - answer an error rather than hang.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Counts a request of `who`, who may be anything that fits in a line: an address, a hash.
    async fn admit(&self, limit: &RateLimit, who: &str, now: Timestamp) -> Result<Admission, Failure>;
}

/// A number of failed attempts, then a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lockout {
    /// What is guarded, such as `login`: what the metrics call it.
    pub name: &'static str,
    /// How many wrong guesses are heard, 1 at least.
    pub max_failures: u32,
    /// How long an account stays locked after the last attempt, and after how long without any the attempts are
    /// forgotten.
    pub duration: Duration,
}

impl Lockout {
    /// The name of those that lock nobody out: they only say when a proof of work is required, or was used before.
    pub const PROOF_OF_WORK: &str = "proof-of-work";
}

/// The account whose secret is guessed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// The tenant.
    pub tenant: TenantId,
    /// The SHA-256 of the canonical identifier. The text is not stored, because people type passwords into the wrong
    /// field.
    pub identifier: [u8; 32],
}

/// Writes the tenant, a colon and the identifier's hash in hexadecimal.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.tenant)?;
        self.identifier.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What attempts are counted by: the account, and where they come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AttemptKey {
    /// The account.
    pub target: Target,
    /// A network or a device that its owner has logged in from before; `None` for all others together.
    pub known_origin: Option<String>,
}

/// The decision of a lockout on one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reservation {
    /// Counted as failed in advance, and allowed.
    Reserved,
    /// Refused, and not counted.
    Locked {
        /// When the lock ends.
        until: Timestamp,
    },
}

/// Counts login attempts before they are made.
///
/// An implementation must
/// - allow at most `max_failures` of any number of concurrent attempts (I-09);
/// - forget a key's attempts exactly `duration` after the last allowed one;
/// - count each key separately;
/// - answer an error rather than hang.
#[async_trait]
pub trait AttemptCounter: Send + Sync {
    /// Counts an attempt, if it may go on.
    async fn reserve(&self, key: &AttemptKey, lockout: &Lockout, now: Timestamp) -> Result<Reservation, Failure>;

    /// When the lock ends, if an attempt would be refused now. Counts nothing and writes nothing, for what can't be guessed.
    async fn locked(&self, key: &AttemptKey, lockout: &Lockout, now: Timestamp) -> Result<Option<Timestamp>, Failure>;

    /// Gives back an attempt that came to no verdict, now or soon: a failure of the service is nobody's wrong guess (I-10).
    async fn release(&self, key: &AttemptKey) -> Result<(), Failure>;

    /// Forgets a key's attempts, because the last of them was right; those of them that are in the store,
    /// [`forgetting`](Self::forgetting) has forgotten already.
    async fn forget(&self, key: &AttemptKey) -> Result<(), Failure>;

    /// Forgets all attempts at this target, from wherever, because an administrator says so.
    async fn unlock(&self, target: &Target) -> Result<(), Failure>;

    /// The change that forgets a key's attempts in the commit that opens a session; `None` where the counts are not in
    /// the store.
    fn forgetting(&self, key: &AttemptKey) -> Option<Change>;
}
