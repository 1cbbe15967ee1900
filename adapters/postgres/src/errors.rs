//! What PostgreSQL's errors mean, in words without SQL text, values or names of hosts.

use std::{error::Error as _, io};

use deadpool_postgres::PoolError;
use kayan_sql::{ApplyError, DriverError, Expect, READ_ONLY, signature};
use rustls::CertificateError;
use tokio_postgres::{Error, error::SqlState};

/// What `kayan_guard_failed` raises, a function that migration 0011 makes.
const GUARD_FAILED: &str = "KY001";

/// What a failed query means. `sql` is only read for its signature.
pub(crate) fn store_error(error: &Error, sql: &str) -> DriverError {
    match error.code() {
        Some(_) if lacks_guard(error) => {
            DriverError::Unavailable("its schema is not migrated, or was restored without its functions".to_owned())
        }
        Some(code) => match unavailable(code) {
            Some(why) => DriverError::Unavailable(why.to_owned()),
            None => DriverError::Fault(fault(error, sql)),
        },
        None if broken(error) => DriverError::Unavailable("the connection to the database broke".to_owned()),
        None => DriverError::Fault(fault(error, sql)),
    }
}

/// What a failed statement of a batch means.
pub(crate) fn apply_error(error: &Error, sql: &str, (position, expect): (usize, Expect)) -> ApplyError {
    match error.code() {
        Some(code) if code.code() == GUARD_FAILED => ApplyError::Guard(position),
        Some(&SqlState::FOREIGN_KEY_VIOLATION) if expect == Expect::One => ApplyError::Guard(position),
        Some(&SqlState::UNIQUE_VIOLATION) => ApplyError::Unique(position),
        Some(&SqlState::FOREIGN_KEY_VIOLATION) => {
            ApplyError::Unavailable("rows that belong together keep changing".to_owned())
        }
        _ => store_error(error, sql).into(),
    }
}

/// Whether the batch may succeed, or fail at a guard, when it is sent again. A foreign key is violated only in a race: a row
/// that a statement found was removed before the key was checked, or one that it did not find was added.
pub(crate) fn passes(error: &Error) -> bool {
    let passing =
        [&SqlState::T_R_SERIALIZATION_FAILURE, &SqlState::T_R_DEADLOCK_DETECTED, &SqlState::FOREIGN_KEY_VIOLATION];
    error.code().is_some_and(|code| passing.contains(&code))
}

/// Whether the server takes no writes: a standby, or one that was the primary.
pub(crate) fn read_only(error: &Error) -> bool {
    error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
}

/// Whether the function that guarded statements call is missing. Operators that are missing have the same code.
fn lacks_guard(error: &Error) -> bool {
    error.code() == Some(&SqlState::UNDEFINED_FUNCTION)
        && error.as_db_error().is_some_and(|said| said.message().contains("kayan_guard_failed"))
}

/// Whether a migration changed the result type of a prepared statement.
pub(crate) fn outdated(error: &Error) -> bool {
    error.code() == Some(&SqlState::FEATURE_NOT_SUPPORTED)
        && error.as_db_error().is_some_and(|said| said.message().starts_with("cached plan"))
}

/// Why there is no connection.
pub(crate) fn no_connection(error: PoolError) -> DriverError {
    DriverError::Unavailable(match error {
        PoolError::Backend(error) => not_let_in(&error).to_owned(),
        PoolError::Timeout(_) => "no connection to the database became free in time".to_owned(),
        other => format!("the connection pool failed: {other}"),
    })
}

fn not_let_in(error: &Error) -> &'static str {
    if let Some(code) = error.code() {
        return match *code {
            SqlState::INVALID_PASSWORD => "KAYAN_DB_DSN: the database refuses the user or the password",
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
                "KAYAN_DB_DSN: the database's pg_hba.conf does not let this user in from here, or not with this sslmode"
            }
            SqlState::INVALID_CATALOG_NAME => "KAYAN_DB_DSN: there is no database of that name; create it",
            _ => unavailable(code).unwrap_or("KAYAN_DB_DSN: the database refuses the connection"),
        };
    }
    let Some(cause) = error.source() else { return "the connection to the database broke" };
    match cause.to_string().as_str() {
        "server does not support TLS" => {
            return "KAYAN_DB_DSN: the database offers no TLS; switch it on there, or choose another sslmode";
        }
        "server did not use channel binding" => {
            return "KAYAN_DB_DSN: the database offers no channel binding; choose another channel_binding";
        }
        _ => {}
    }
    let Some(failed) = cause.downcast_ref::<io::Error>() else { return "KAYAN_DB_DSN: the database can't be reached" };
    match failed.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(why)) => distrusted(why),
        Some(_) => "KAYAN_DB_DSN: the TLS handshake with the database failed",
        None => match failed.kind() {
            io::ErrorKind::ConnectionRefused => "the database refuses connections: nothing listens there",
            io::ErrorKind::NotFound => "the database's socket is not there",
            // Not the system's: every host was asked, and target_session_attrs wants another kind of session.
            io::ErrorKind::PermissionDenied if failed.raw_os_error().is_none() => {
                if failed.to_string().contains("not allow writes") {
                    READ_ONLY
                } else {
                    "the database is not read-only, as target_session_attrs asks"
                }
            }
            _ => "the database can't be reached",
        },
    }
}

fn distrusted(why: &CertificateError) -> &'static str {
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "KAYAN_DB_DSN: the database's certificate has expired"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "KAYAN_DB_DSN: the database's certificate is for another host name"
        }
        CertificateError::UnknownIssuer => {
            "KAYAN_DB_DSN: the database's certificate is not signed by an authority of sslrootcert"
        }
        _ => "KAYAN_DB_DSN: the database's certificate is not valid",
    }
}

/// Temporary reasons, which go away without a change of the program.
fn unavailable(code: &SqlState) -> Option<&'static str> {
    match *code {
        SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => {
            return Some("the database is too busy: the changes met others again and again");
        }
        SqlState::UNDEFINED_TABLE | SqlState::UNDEFINED_COLUMN => return Some("its schema is not migrated"),
        SqlState::LOCK_NOT_AVAILABLE => return Some("another session holds a lock for too long"),
        SqlState::QUERY_CANCELED => return Some("the statement was cancelled"),
        SqlState::READ_ONLY_SQL_TRANSACTION => return Some(READ_ONLY),
        SqlState::TOO_MANY_CONNECTIONS => {
            return Some("the database has no connection left; lower KAYAN_DB_MAX_OPEN_CONNS or raise its limit");
        }
        SqlState::DISK_FULL => return Some("the database's disk is full"),
        _ => {}
    }
    match code.code().get(..2)? {
        "08" => Some("the connection to the database broke"),
        "53" => Some("the database lacks resources"),
        "57" => Some("the database is starting up or shutting down"),
        "58" => Some("the database's disk failed"),
        _ => None,
    }
}

fn broken(error: &Error) -> bool {
    error.is_closed() || error.source().is_some_and(<dyn std::error::Error>::is::<io::Error>)
}

fn fault(error: &Error, sql: &str) -> String {
    let signature = signature(sql);
    let Some(said) = error.as_db_error() else { return format!("{signature}: the driver failed: {}", plain(error)) };
    let code = said.code().code();
    match code {
        "26000" | "42P05" => format!(
            "{signature}: prepared statements get lost, as they do behind PgBouncer; set KAYAN_DB_STATEMENTS=unnamed"
        ),
        // these name tables, columns and constraints at most; others may quote a value
        _ if code.starts_with("42") || code.starts_with("23") => format!("{signature}: {code}: {}", said.message()),
        _ => format!("{signature}: SQLSTATE {code}"),
    }
}

/// What kind of failure it was: the cause may quote a value.
fn plain(error: &Error) -> String {
    let text = error.to_string();
    text.split_once(": ").map_or(text.clone(), |(kind, _)| kind.to_owned())
}
