//! Why something could not be measured.

use std::{fmt::Display, io};

/// Why something could not be measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A file, a socket or a process refused.
    #[error("{doing}: {source}")]
    Io {
        /// What was tried, with its path or address.
        doing: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// Something answered otherwise than it should.
    #[error("{0}")]
    Wrong(String),
}

impl Failure {
    /// Wraps an I/O error with what was being done.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }

    /// Wraps any other error with what was being done.
    pub(crate) fn wrong<E: Display>(doing: &str) -> impl FnOnce(E) -> Self {
        move |error| Self::Wrong(format!("{doing}: {error}"))
    }
}
