//! The port to what a process does with its memory and its processors.

use std::time::Duration;

use async_trait::async_trait;

/// Why there is no profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Somebody else is taking one; one at a time is enough of a burden.
    #[error("a profile is being taken already; wait until it is done")]
    Busy,
    /// This build, or this machine, can't. The text is for the operator's log.
    #[error("no profile can be taken: {0}")]
    Unavailable(String),
}

/// Resident memory, in bytes, before and after something was done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resident {
    /// Before.
    pub before: u64,
    /// After.
    pub after: u64,
}

/// Looks into the process. Profiles are in the format of pprof: a gzipped protocol buffer.
#[async_trait]
pub trait Profiler: Send + Sync {
    /// What memory is in use, by where it was asked for. No content of it.
    async fn heap(&self) -> Result<Vec<u8>, ProfileError>;

    /// Where the processors are busy, over so long a time.
    async fn cpu(&self, time: Duration) -> Result<Vec<u8>, ProfileError>;

    /// Gives memory that nobody uses back to the operating system.
    async fn purge(&self) -> Result<Resident, ProfileError>;
}
