//! Where time and chance come from.

/// A moment in UTC, whole microseconds: what every supported database can keep exactly.
pub type Timestamp = time::OffsetDateTime;

/// The time of day, so that every expiry can be tested at its exact boundary.
pub trait Clock: Send + Sync {
    /// Now, in UTC, cut to whole microseconds.
    fn now(&self) -> Timestamp;
}

/// A source of randomness fit for keys and tokens.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` with unpredictable bytes; must not fail or repeat itself after a fork.
    fn fill(&self, bytes: &mut [u8]);
}
