//! The port to profiles of memory and processors.

use std::time::Duration;

use async_trait::async_trait;

/// Why there is no profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Another profile is running; only one may run at a time.
    #[error("another profile is running; wait until it is done")]
    Busy,
    /// This build or machine can't take profiles. The text is for the operator's log.
    #[error("no profile can be taken: {0}")]
    Unavailable(String),
}

/// Resident memory, in bytes, before and after a purge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resident {
    /// Before.
    pub before: u64,
    /// After.
    pub after: u64,
}

/// Profiles the process, in the format of pprof: a gzipped protocol buffer.
#[async_trait]
pub trait Profiler: Send + Sync {
    /// The memory in use, by where it was allocated. Contains no memory contents.
    async fn heap(&self) -> Result<Vec<u8>, ProfileError>;

    /// Where the processors are busy, sampled for this time.
    async fn cpu(&self, time: Duration) -> Result<Vec<u8>, ProfileError>;

    /// Returns unused memory to the operating system.
    async fn purge(&self) -> Result<Resident, ProfileError>;
}
