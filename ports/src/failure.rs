//! The error of a port.

use crate::{Guard, Unique};

/// The service itself failed. The texts are for the operator's log, never for a client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Too many hashes are waiting; try again in a second.
    #[error("the password hashing queue is full")]
    Overloaded,
    /// A required part can't be reached or is too busy; try again later.
    #[error("{0}")]
    Unavailable(String),
    /// A text holds a NUL character (U+0000), which not every database can store. Nothing was sent to the database.
    #[error("a text contains a NUL character (U+0000); remove it")]
    Nul,
    /// A bug or a damaged row; trying again won't help.
    #[error("{0}")]
    Fault(String),
}

/// Why a list of changes was not committed. None of them was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Something that must be unique is taken.
    #[error("already taken: {0:?}")]
    Conflict(Unique),
    /// What the changes depend on has changed since it was read.
    #[error("changed since it was read: {0:?}")]
    Stale(Guard),
    /// The database failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl From<CommitError> for Failure {
    /// For conflicts that a use-case does not handle itself.
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Failed(failure) => failure,
            CommitError::Conflict(_) | CommitError::Stale(_) => Self::Fault(error.to_string()),
        }
    }
}
