//! Where chance comes from.

/// A source of randomness fit for keys and tokens.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` with unpredictable bytes; must not fail or repeat itself after a fork.
    fn fill(&self, bytes: &mut [u8]);
}
