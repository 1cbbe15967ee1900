//! The ports to time and randomness.

/// A moment in UTC, in whole microseconds, which every supported database stores exactly.
pub type Timestamp = time::OffsetDateTime;

/// The current time, as a port so that tests can reach every expiry at its exact boundary.
pub trait Clock: Send + Sync {
    /// Now, in UTC, cut to whole microseconds.
    fn now(&self) -> Timestamp;
}

/// A cryptographically secure source of randomness, fit for keys and tokens.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` with unpredictable bytes; must not fail, nor repeat itself after a fork.
    fn fill(&self, bytes: &mut [u8]);
}
