//! What a check has found.

use serde::Serialize;

/// What to do about something that did not answer.
pub(super) const AGAIN: &str = "look at its log and at what it waits for, and run kayan doctor again";

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// As it should be.
    Ok,
    /// It works, but is not wise, or won't work for long.
    Warning,
    /// Something does not work, or is not safe.
    Failed,
    /// It was not looked at.
    Skipped,
}

impl Status {
    /// The word for it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// One finding. No text of it holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// The check's name, which stays: `database.reachable`.
    pub(super) check: &'static str,
    /// How bad it is.
    pub(super) status: Status,
    /// What was found.
    pub(super) message: String,
    /// What to do about it.
    pub(super) mend: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, status: Status::Ok, message: message.into(), mend: None }
    }

    pub(super) fn warning(check: &'static str, message: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { check, status: Status::Warning, message: message.into(), mend: Some(mend.into()) }
    }

    pub(super) fn failed(check: &'static str, message: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { check, status: Status::Failed, message: message.into(), mend: Some(mend.into()) }
    }

    pub(super) fn skipped(check: &'static str, why: impl Into<String>) -> Self {
        Self { check, status: Status::Skipped, message: why.into(), mend: None }
    }

    /// Not looked at, because of a setting that can't be used.
    pub(super) fn rests_on(check: &'static str, setting: &str) -> Self {
        Self::skipped(check, format!("rests on {setting}, which can't be used"))
    }
}
