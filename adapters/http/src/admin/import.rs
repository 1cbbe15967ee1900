//! The report of an import of users.

use kayan_core::{DeniedError, Failure, ImportOutcome, ImportUsersError};
use poem_openapi::{Enum, Object};
use serde::Serialize;
use uuid::Uuid;

use crate::wire::{problem::Field, refused::refusals};

/// The outcome of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
enum LineOutcome {
    /// The user was imported.
    Imported,
    /// The user would be imported without `dry_run`.
    WouldImport,
    /// The user already exists and was left unchanged.
    Exists,
    /// The user was not imported.
    Failed,
}

/// The outcome of one line of an import.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "ImportedLine", skip_serializing_if_is_none)]
struct Line {
    /// The line number, starting at 1.
    line: u64,
    /// The outcome.
    outcome: LineOutcome,
    /// The user's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    /// Why the line failed, as a code for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// Why the line failed, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The invalid fields, as JSON Pointers into the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Vec<Field>>,
}

/// The outcome of an import.
#[derive(Debug, Object, Serialize)]
pub(crate) struct ImportReport {
    /// The outcome of each line that is not empty, in order; of failed lines, only the first 1,000.
    data: Vec<Line>,
    /// How many users were imported, or would be.
    imported: usize,
    /// How many users already existed.
    exists: usize,
    /// How many users were not imported.
    failed: usize,
    /// How many imported users have a bcrypt hash. Bcrypt ignores all but the first 72 bytes of a password; the password is
    /// hashed again at the next login.
    bcrypt: usize,
}

impl From<(u64, ImportOutcome)> for Line {
    fn from((line, fate): (u64, ImportOutcome)) -> Self {
        let plain = |outcome| Self { line, outcome, id: None, code: None, reason: None, fields: None };
        match fate {
            ImportOutcome::Imported(id) => Self { id: Some(id.0), ..plain(LineOutcome::Imported) },
            ImportOutcome::WouldImport => plain(LineOutcome::WouldImport),
            ImportOutcome::Exists(id) => Self { id: Some(id.0), ..plain(LineOutcome::Exists) },
            ImportOutcome::Refused(refusal) => {
                let (code, reason) = (Some(refusal.code().to_owned()), Some(refusal.to_string()));
                let fields = match refusal {
                    kayan_core::Refusal::Invalid(errors) => Some(errors.into_iter().map(Into::into).collect()),
                    _ => None,
                };
                Self { code, reason, fields, ..plain(LineOutcome::Failed) }
            }
        }
    }
}

impl From<kayan_core::ImportReport> for ImportReport {
    fn from(report: kayan_core::ImportReport) -> Self {
        Self {
            data: report.lines.into_iter().map(Into::into).collect(),
            imported: report.imported,
            exists: report.existing,
            failed: report.failed,
            bcrypt: report.cutting,
        }
    }
}

refusals! {
    ImportUsersError {
        Self::Denied(denied) => (denied: DeniedError),
        error @ Self::TooManyLines => PayloadTooLarge.message(error.to_string()),
        Self::Failed(failure) => (failure: Failure),
    }
}
