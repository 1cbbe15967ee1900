//! What SQLite's errors mean, in words without SQL text, values or paths.

use kayan_sql::{ApplyError, DriverError, signature};
use rusqlite::{Error, ErrorCode, ffi};

/// What a failed query means. `sql` is only read for its signature.
pub(crate) fn store_error(error: &Error, sql: &str) -> DriverError {
    match unavailable(error) {
        Some(why) => DriverError::Unavailable(why.to_owned()),
        None => DriverError::Fault(fault(error, sql)),
    }
}

/// What a failed statement of a batch means.
pub(crate) fn apply_error(error: &Error, sql: &str, position: usize) -> ApplyError {
    let taken = [ffi::SQLITE_CONSTRAINT_UNIQUE, ffi::SQLITE_CONSTRAINT_PRIMARYKEY, ffi::SQLITE_CONSTRAINT_ROWID];
    if error.sqlite_extended_error_code().is_some_and(|code| taken.contains(&code)) {
        return ApplyError::Unique(position);
    }
    store_error(error, sql).into()
}

/// Temporary reasons, which go away without a change of the program.
fn unavailable(error: &Error) -> Option<&'static str> {
    if let Error::SqlInputError { msg, .. } | Error::SqliteFailure(_, Some(msg)) = error
        && (msg.starts_with("no such table") || msg.starts_with("no such column"))
    {
        return Some("its schema is not migrated");
    }
    Some(match error.sqlite_error_code()? {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => "another process holds the database's lock",
        ErrorCode::DiskFull => "the disk is full",
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => "the database file cannot be written",
        ErrorCode::SystemIoFailure => "the disk failed to read or write",
        ErrorCode::CannotOpen => "the database file, or the log beside it, cannot be opened",
        ErrorCode::OutOfMemory => "out of memory",
        ErrorCode::FileLockingProtocolFailed => "the database's locks do not answer",
        _ => return None,
    })
}

fn fault(error: &Error, sql: &str) -> String {
    let signature = signature(sql);
    // rusqlite's own text may quote the statement or the path; SQLite's message names tables and columns at most
    let what = match error {
        Error::SqliteFailure(_, Some(message)) => message.clone(),
        Error::SqliteFailure(code, None) => code.to_string(),
        Error::SqlInputError { msg, .. } => msg.clone(),
        Error::InvalidParameterCount(given, wanted) => format!("{given} parameters given, {wanted} wanted"),
        Error::Utf8Error(position, _) => format!("column {} is no UTF-8", position + 1),
        _ => "the driver failed".to_owned(),
    };
    format!("{signature}: {what}")
}
