//! What every use-case can fail with, whatever it does.

use kayan_ports::{CommitError, CountError, HashError, KeyError, StoreError};

/// The service itself can't do it. The texts are for the operator's log, never for a client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Too much hashing is waiting; try again in a second.
    #[error("the password hashing queue is full")]
    Overloaded,
    /// A part that is needed can't be reached; try again later.
    #[error("{0}")]
    Unavailable(String),
    /// What was asked holds a NUL character, which not every database keeps.
    #[error("a text holds a NUL character (U+0000): leave it out")]
    Nul,
    /// A bug or a damaged row.
    #[error("{0}")]
    Fault(String),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::Unavailable(error.to_string()),
            StoreError::Nul => Self::Nul,
            StoreError::Fault(_) => Self::Fault(error.to_string()),
        }
    }
}

impl From<CommitError> for Failure {
    /// For the commit errors that a use-case gives no meaning of its own.
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Unavailable(_) => Self::Unavailable(error.to_string()),
            CommitError::Nul => Self::Nul,
            CommitError::Conflict(_) | CommitError::Stale(_) | CommitError::Fault(_) => Self::Fault(error.to_string()),
        }
    }
}

impl From<CountError> for Failure {
    fn from(error: CountError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Unavailable(why) => Self::Unavailable(why),
            KeyError::Locked(why) | KeyError::Fault(why) => Self::Fault(why),
        }
    }
}

impl From<HashError> for Failure {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Overloaded => Self::Overloaded,
            HashError::TooLong { .. } | HashError::Fault(_) => Self::Fault(error.to_string()),
        }
    }
}
