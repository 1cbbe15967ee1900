//! What a port fails with.

use crate::{Guard, Unique};

/// The service itself can't do it. The texts are for the operator's log, never for a client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Too much hashing is waiting; try again in a second.
    #[error("the password hashing queue is full")]
    Overloaded,
    /// A part that is needed can't be reached or is too busy; try again later.
    #[error("{0}")]
    Unavailable(String),
    /// A text holds a NUL character (U+0000), which not every database keeps. No database was asked.
    #[error("a text holds a NUL character (U+0000): leave it out")]
    Nul,
    /// A bug or a damaged row; trying again won't help.
    #[error("{0}")]
    Fault(String),
}

/// Why a list of changes was not committed. In every case nothing of it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Something that must be unique is taken.
    #[error("already taken: {0:?}")]
    Conflict(Unique),
    /// What the changes were decided on is no longer so.
    #[error("no longer so: {0:?}")]
    Stale(Guard),
    /// The database failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl From<CommitError> for Failure {
    /// For the conflicts that a use-case gives no meaning of its own.
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Failed(failure) => failure,
            CommitError::Conflict(_) | CommitError::Stale(_) => Self::Fault(error.to_string()),
        }
    }
}
