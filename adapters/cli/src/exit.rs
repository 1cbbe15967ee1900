//! How a command that fails ends: an exit code and a message for the operator.

use std::{fmt::Display, process::ExitCode};

use kayan_core::{Failure, FindUserError};
use kayan_ports::KeyError;
use kayan_sql::{DriverError, migrate::MigrateError};

use crate::output;

/// The exit code and message of a failed command.
#[derive(Debug)]
pub(crate) struct Exit {
    code: u8,
    message: String,
    unavailable: bool,
}

impl Exit {
    /// The command failed: exit code 1.
    pub(crate) fn failed(why: impl Display) -> Self {
        Self { code: 1, message: why.to_string(), unavailable: false }
    }

    /// The database was unavailable: exit code 1, and a retry may succeed.
    pub(crate) fn unavailable(why: impl Display) -> Self {
        Self { unavailable: true, ..Self::failed(why) }
    }

    /// Whether a retry may succeed.
    pub(crate) fn is_unavailable(&self) -> bool {
        self.unavailable
    }

    /// The message for the operator.
    pub(crate) fn reason(&self) -> &str {
        &self.message
    }

    /// Adds a hint on what to do.
    pub(crate) fn hinting(self, hint: &str) -> Self {
        Self { message: format!("{}; {hint}", self.message), ..self }
    }

    /// Wrong usage: exit code 2.
    pub(crate) fn usage(why: impl Display) -> Self {
        Self { code: 2, message: why.to_string(), unavailable: false }
    }

    /// Migrations are pending: exit code 3.
    pub(crate) fn pending(why: impl Display) -> Self {
        Self { code: 3, message: why.to_string(), unavailable: false }
    }

    /// Whether the reason is pending migrations.
    pub(crate) fn is_pending(&self) -> bool {
        self.code == 3
    }

    /// Not found: exit code 4.
    pub(crate) fn not_found(why: impl Display) -> Self {
        Self { code: 4, message: why.to_string(), unavailable: false }
    }

    /// Invalid settings: exit code 78 (`EX_CONFIG`).
    pub(crate) fn config(why: impl Display) -> Self {
        Self { code: 78, message: why.to_string(), unavailable: false }
    }

    /// Prints the message to standard error, and returns the exit code.
    pub(crate) fn report(self) -> ExitCode {
        if !self.message.is_empty() {
            output::note(format_args!("kayan: {}", self.message));
        }
        ExitCode::from(self.code)
    }
}

impl From<MigrateError> for Exit {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Store(DriverError::Unavailable(_)) => Self::unavailable(error),
            _ => Self::failed(error),
        }
    }
}

impl From<Failure> for Exit {
    fn from(failure: Failure) -> Self {
        Self::failed(failure)
    }
}

impl From<KeyError> for Exit {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Failed(Failure::Unavailable(_)) => Self::unavailable(error),
            KeyError::Locked(_) => Self::config(error),
            KeyError::Failed(_) => Self::failed(error),
        }
    }
}

impl From<FindUserError> for Exit {
    fn from(error: FindUserError) -> Self {
        match &error {
            FindUserError::NotFound(_) => Self::not_found(error),
            FindUserError::Ambiguous(..) => Self::usage(error),
            FindUserError::Denied(_) | FindUserError::Failed(_) => Self::failed(error),
        }
    }
}
