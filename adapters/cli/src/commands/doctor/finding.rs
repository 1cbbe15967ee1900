//! The result of a check.

use serde::Serialize;

/// The hint for a server that did not answer.
pub(super) const AGAIN: &str = "check its log and its load, and run kayan doctor again";

/// The status of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// Nothing is wrong.
    Ok,
    /// It works, but is not recommended, or won't work for long.
    Warning,
    /// Something does not work, or is not safe.
    Failed,
    /// It was not checked.
    Skipped,
}

impl Status {
    /// The name of the status.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// A finding. Its texts contain no secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// The stable name of the check, such as `database.reachable`.
    pub(super) check: &'static str,
    /// The status.
    pub(super) status: Status,
    /// What was found.
    pub(super) message: String,
    /// What to do about it.
    pub(super) hint: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, status: Status::Ok, message: message.into(), hint: None }
    }

    pub(super) fn warning(check: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { check, status: Status::Warning, message: message.into(), hint: Some(hint.into()) }
    }

    pub(super) fn failed(check: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { check, status: Status::Failed, message: message.into(), hint: Some(hint.into()) }
    }

    pub(super) fn skipped(check: &'static str, why: impl Into<String>) -> Self {
        Self { check, status: Status::Skipped, message: why.into(), hint: None }
    }

    /// Not checked, because a setting is invalid.
    pub(super) fn rests_on(check: &'static str, setting: &str) -> Self {
        Self::skipped(check, format!("depends on {setting}, which is invalid"))
    }
}
