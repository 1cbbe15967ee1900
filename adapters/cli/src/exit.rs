//! How a command ends when it can't go on: an exit code and what to tell the operator.

use std::{fmt::Display, process::ExitCode};

use kayan_core::{Failure, FindUserError};
use kayan_ports::KeyError;
use kayan_sql::{DriverError, migrate::MigrateError};

use crate::output;

/// The end of a command.
#[derive(Debug)]
pub(crate) struct Exit {
    code: u8,
    message: String,
    unavailable: bool,
}

impl Exit {
    /// It failed: 1.
    pub(crate) fn failed(why: impl Display) -> Self {
        Self { code: 1, message: why.to_string(), unavailable: false }
    }

    /// The database was away: 1, and the same may succeed later.
    pub(crate) fn unavailable(why: impl Display) -> Self {
        Self { unavailable: true, ..Self::failed(why) }
    }

    /// Whether it may succeed later.
    pub(crate) fn is_unavailable(&self) -> bool {
        self.unavailable
    }

    /// What to tell the operator.
    pub(crate) fn reason(&self) -> &str {
        &self.message
    }

    /// With what to do about it.
    pub(crate) fn hinting(self, hint: &str) -> Self {
        Self { message: format!("{}; {hint}", self.message), ..self }
    }

    /// It was called wrongly: 2.
    pub(crate) fn usage(why: impl Display) -> Self {
        Self { code: 2, message: why.to_string(), unavailable: false }
    }

    /// Migrations are pending: 3.
    pub(crate) fn pending(why: impl Display) -> Self {
        Self { code: 3, message: why.to_string(), unavailable: false }
    }

    /// Whether pending migrations are why.
    pub(crate) fn is_pending(&self) -> bool {
        self.code == 3
    }

    /// There is no such thing: 4.
    pub(crate) fn not_found(why: impl Display) -> Self {
        Self { code: 4, message: why.to_string(), unavailable: false }
    }

    /// The settings can't be used: 78 (`EX_CONFIG`).
    pub(crate) fn config(why: impl Display) -> Self {
        Self { code: 78, message: why.to_string(), unavailable: false }
    }

    /// Tells the operator, on standard error.
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
