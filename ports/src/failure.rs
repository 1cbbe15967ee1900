//! Why a port gave no answer.

use crate::{Guard, Unique};

/// Why a read gave no answer. The text is for the operator's log, never for a client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database can't be reached or is too busy; the same question may be answered later.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// A text holds a NUL character (U+0000), which not every database keeps. No database was asked.
    #[error("a text holds a NUL character")]
    Nul,
    /// The database answered something that can't be: a bug or a damaged row. Asking again won't help.
    #[error("the database answered something unexpected: {0}")]
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
    /// The database can't be reached or is too busy.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// A text holds a NUL character (U+0000), which not every database keeps. No database was asked.
    #[error("a text holds a NUL character")]
    Nul,
    /// The database refused for a reason that no use-case knows.
    #[error("the database failed: {0}")]
    Fault(String),
}

impl From<StoreError> for CommitError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(why) => Self::Unavailable(why),
            StoreError::Nul => Self::Nul,
            StoreError::Fault(why) => Self::Fault(why),
        }
    }
}
