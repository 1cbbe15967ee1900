//! Users brought along from elsewhere.

use kayan_core::{DeniedError, Failure, Fate, ImportUsersError};
use poem_openapi::{Enum, Object};
use serde::Serialize;
use uuid::Uuid;

use crate::wire::{problem::Field, refused::refusals};

/// What came of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
enum LineOutcome {
    /// The user is in.
    Imported,
    /// The user would be in, were it not a dry run.
    WouldImport,
    /// The user was in already and is left as it is.
    Exists,
    /// The user is not in.
    Failed,
}

/// What came of one line.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "ImportedLine", skip_serializing_if_is_none)]
struct Line {
    /// Its number, from 1.
    line: u64,
    /// What came of it.
    outcome: LineOutcome,
    /// The user's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    /// What is wrong, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// What is wrong, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Where it is wrong, as JSON Pointers into the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Vec<Field>>,
}

/// What came of an import, line by line.
#[derive(Debug, Object, Serialize)]
pub(crate) struct ImportReport {
    /// The lines that were not empty, in order; of those that failed, the first 1,000.
    data: Vec<Line>,
    /// How many users are in now, or would be.
    imported: usize,
    /// How many were in already.
    exists: usize,
    /// How many are not in.
    failed: usize,
    /// How many of the imported have a hash by bcrypt. It counts the first 72 bytes of a password only, as where it was
    /// made; the next login makes it anew.
    bcrypt: usize,
}

impl From<(u64, Fate)> for Line {
    fn from((line, fate): (u64, Fate)) -> Self {
        let plain = |outcome| Self { line, outcome, id: None, code: None, reason: None, fields: None };
        match fate {
            Fate::Imported(id) => Self { id: Some(id.0), ..plain(LineOutcome::Imported) },
            Fate::WouldImport => plain(LineOutcome::WouldImport),
            Fate::Exists(id) => Self { id: Some(id.0), ..plain(LineOutcome::Exists) },
            Fate::Refused(refusal) => {
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
