//! The ports that count: requests against a rate limit, attempts against a lockout.

use std::{fmt, time::Duration};

use async_trait::async_trait;

use crate::{Change, Failure, TenantId, Timestamp};

/// So many requests in so much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Its name, such as `ip` or `login`: what the answer, the audit trail and the metrics call it.
    pub name: &'static str,
    /// How many, 1 at least.
    pub requests: u32,
    /// In how much time, one millisecond at least.
    pub window: Duration,
}

/// What a rate limit says of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is within the limit, and was counted.
    Admitted {
        /// So many more would be admitted now.
        remaining: u32,
        /// In so long nothing of what was counted so far counts any more.
        reset: Duration,
    },
    /// It is over the limit, and was not counted.
    Refused {
        /// In so long one more is admitted, if nobody else comes first.
        retry_after: Duration,
    },
}

/// Counts requests over a sliding window.
///
/// Requests are counted by whole windows, beginning at multiples of it since 1970. What counts at a moment is this
/// window's count, and the last one's as far as a window that ends now would reach into it, as if its requests had come
/// evenly, rounded down. So whoever begins fresh gets exactly `requests` in one window, and nobody ever gets more than
/// twice as many in one.
///
/// An implementor must
/// - admit exactly `requests` of any number of parallel ones, and count none that it refuses;
/// - count each name and each `who` apart;
/// - forget what can't matter any more, so that a flood of strangers does not fill the memory;
/// - answer an error rather than hang.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Counts a request of `who`, who may be anything that fits in a line: an address, a hash.
    async fn admit(&self, limit: &RateLimit, who: &str, now: Timestamp) -> Result<Admission, Failure>;
}

/// So many wrong guesses, then a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lockout {
    /// What is guarded, such as `login`: what the metrics call it.
    pub name: &'static str,
    /// How many wrong guesses are heard, 1 at least.
    pub max_failures: u32,
    /// How long after the last one no more is heard; and after how long without any they are forgotten.
    pub duration: Duration,
}

/// Whose secret is guessed at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// The tenant.
    pub tenant: TenantId,
    /// The SHA-256 of the canonical identifier: people type their passwords in the wrong field, so what they typed is
    /// kept nowhere.
    pub identifier: [u8; 32],
}

/// In one word: the tenant, a colon and the identifier's hash in hexadecimal.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.tenant)?;
        self.identifier.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Whose secret is guessed at, and from where: what attempts are counted by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AttemptKey {
    /// Whose.
    pub target: Target,
    /// A network its owner has logged in from before; nothing for all other places together.
    pub known_network: Option<String>,
}

/// What a lockout says of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reservation {
    /// It was counted as a wrong one already, and may go on.
    Reserved,
    /// It must not go on, and was not counted.
    Locked {
        /// Until then.
        until: Timestamp,
    },
}

/// Counts attempts to prove who one is, before they are made.
///
/// An implementor must
/// - let at most `max_failures` of any number of parallel attempts go on (I-09);
/// - forget a key's attempts `duration` after the last that it let go on, exactly then;
/// - count each key apart;
/// - answer an error rather than hang.
#[async_trait]
pub trait AttemptCounter: Send + Sync {
    /// Counts an attempt, if it may go on.
    async fn reserve(&self, key: &AttemptKey, lockout: &Lockout, now: Timestamp) -> Result<Reservation, Failure>;

    /// Gives back an attempt that came to no verdict, now or soon: a failure of the service is nobody's wrong guess (I-10).
    async fn release(&self, key: &AttemptKey) -> Result<(), Failure>;

    /// Forgets a key's attempts, because the last of them was right; those of them that are in the store,
    /// [`forgetting`](Self::forgetting) has forgotten already.
    async fn forget(&self, key: &AttemptKey) -> Result<(), Failure>;

    /// Forgets all attempts at this target, from wherever, because an administrator says so.
    async fn unlock(&self, target: &Target) -> Result<(), Failure>;

    /// The change that forgets a key's attempts in the commit that opens a session; `None` where counts
    /// are not in the store.
    fn forgetting(&self, key: &AttemptKey) -> Option<Change>;
}
