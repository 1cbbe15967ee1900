//! What the server's errors mean, in words without SQL text, values or addresses.

use kayan_sql::{DriverError, READ_ONLY, signature};
use mysql_async::{Error, IoError, ServerError};
use rustls::CertificateError;

/// `ER_WRONG_VALUE_FOR_VAR`: what a failing guard raises.
pub(crate) const GUARD_FAILED: u16 = 1231;

/// What happens to a request whose statement failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A primary key or a unique index has that value.
    Taken,
    /// It conflicted with another transaction and may succeed when sent again. The reason, if it does not.
    Again(&'static str),
    /// The connection is lost; whether the statement ran is not known.
    Lost,
    /// The server takes no writes: a replica, or one that was the primary.
    ReadOnly,
    /// A temporary reason.
    Unavailable(&'static str),
    /// Anything else: the code, its SQL state and what it means.
    Fault(String),
}

/// What a failed statement means.
pub(crate) fn verdict(error: &Error) -> Verdict {
    match error {
        Error::Server(error) => server(error),
        Error::Driver(mysql_async::DriverError::PacketTooLarge) => {
            Verdict::Fault("a statement is larger than the server's max_allowed_packet".to_owned())
        }
        _ => Verdict::Lost,
    }
}

fn server(error: &ServerError) -> Verdict {
    match error.code {
        1062 | 1586 => Verdict::Taken,
        1205 => Verdict::Again("another transaction keeps a row locked"),
        1213 => Verdict::Again("transactions keep waiting for each other"),
        1020 => Verdict::Again("rows keep changing meanwhile"),
        3101 => Verdict::Again("transactions of other members of the group keep coming first"),
        // Found by a statement and deleted before the foreign key was checked: the next try does not find it.
        1216 | 1452 => Verdict::Again("a row that it refers to is not there"),
        1217 | 1451 => Verdict::Again("another row refers to it"),
        1021 | 1114 => Verdict::Unavailable("the server's disk is full"),
        1037 | 1038 | 1041 | 1135 => Verdict::Unavailable("the server is out of memory"),
        1040 | 1203 | 1226 => Verdict::Unavailable("the server has too many connections"),
        1054 | 1146 => Verdict::Unavailable("its schema is not migrated"),
        1047 | 3032 => Verdict::Unavailable("the server is not ready"),
        1053 | 1077 | 1079 | 1152 | 1927 | 4031 => Verdict::Unavailable("the server is ending the connection"),
        // `read_only`, `transaction_read_only`, and twice `innodb_read_only`.
        1290 | 1792 | 1836 | 1036 => Verdict::ReadOnly,
        1317 | 1969 | 3024 => Verdict::Unavailable("the server gave the statement up"),
        code => Verdict::Fault(format!("error {code} ({}){}", error.state, hint(code))),
    }
}

fn hint(code: u16) -> &'static str {
    match code {
        1044 | 1142 | 1227 => ": the user has not the right to that; grant it all rights on its database",
        1050 | 1060 | 1061 => ": it is there already",
        1051 | 1091 => ": a table or column is missing; kayan migrate status tells what is applied",
        1064 => ": that is no SQL for this server",
        1665 => ": it logs statements, and refuses writes at READ COMMITTED; set binlog_format to ROW or MIXED",
        1153 => ": a statement is larger than the server's max_allowed_packet",
        1273 => ": the server is too old; use MySQL 8.0.17 or MariaDB 10.11, or a newer one",
        1264 | 1406 => ": a value is too large for its column",
        _ => "",
    }
}

/// What a failed query means. `sql` is only read for its signature.
pub(crate) fn store_error(error: &Error, sql: &str) -> DriverError {
    match verdict(error) {
        Verdict::Taken => DriverError::Fault(format!("{}: the key is taken", signature(sql))),
        Verdict::Again(why) | Verdict::Unavailable(why) => DriverError::Unavailable(why.to_owned()),
        Verdict::ReadOnly => DriverError::Unavailable(READ_ONLY.to_owned()),
        Verdict::Lost => lost(),
        Verdict::Fault(why) => DriverError::Fault(format!("{}: {why}", signature(sql))),
    }
}

/// The password could not be encrypted for the server.
pub(crate) fn unencrypted() -> DriverError {
    let why = "KAYAN_DB_DSN: the password can't be encrypted with the key that the server sends; add tls=true, or let it \
               have 213 bytes at most";
    DriverError::Unavailable(why.to_owned())
}

/// The connection ended within a request.
pub(crate) fn lost() -> DriverError {
    DriverError::Unavailable("the connection to the server was lost".to_owned())
}

/// Why no connection was made. It may be made later, so in no case is that a fault.
pub(crate) fn unconnected(error: &Error) -> DriverError {
    let why = match error {
        Error::Server(error) => match error.code {
            1045 | 1698 => "KAYAN_DB_DSN: the server refuses this user or password".to_owned(),
            1044 => "KAYAN_DB_DSN: the user may not use this database".to_owned(),
            1049 => "KAYAN_DB_DSN: there is no such database; make it, or correct its name".to_owned(),
            1130 => "KAYAN_DB_DSN: the server does not let this user in from this machine".to_owned(),
            3159 => "KAYAN_DB_DSN: the server takes encrypted connections only; add tls=true".to_owned(),
            1820 | 1862 | 3118 | 3955 | 4151 => {
                "KAYAN_DB_DSN: the user's password has expired or its account is locked".to_owned()
            }
            _ => match server(error) {
                Verdict::Unavailable(why) => why.to_owned(),
                Verdict::ReadOnly => READ_ONLY.to_owned(),
                _ => format!("the server refuses the connection with error {} ({})", error.code, error.state),
            },
        },
        Error::Driver(mysql_async::DriverError::NoClientSslFlagFromServer) => {
            "KAYAN_DB_DSN: the server has no TLS; set tls=false, or set up its certificate".to_owned()
        }
        Error::Driver(mysql_async::DriverError::UnknownAuthPlugin { .. }) => {
            "KAYAN_DB_DSN: the user logs in in a way that is not supported; let it have a password".to_owned()
        }
        Error::Io(IoError::Tls(_)) => {
            "KAYAN_DB_DSN: a certificate of tls-ca is damaged, or no certificate can name the host".to_owned()
        }
        Error::Io(IoError::Io(error)) => match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(error) => format!("KAYAN_DB_DSN: {}", untrusted(error)),
            None => "the server can't be reached".to_owned(),
        },
        _ => "what listens there does not speak MySQL's protocol".to_owned(),
    };
    DriverError::Unavailable(why)
}

fn untrusted(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InvalidCertificate(error) => match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the server's certificate has expired"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the server's certificate names another host"
            }
            CertificateError::UnknownIssuer => {
                "the server's certificate is by an authority that is not trusted; name that one's with tls-ca"
            }
            _ => "the server's certificate is not valid",
        },
        _ => "the server and this program agree on no kind of TLS",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_logs_statements_alone_is_told_with_what_to_set() {
        let (message, state) = ("hunter2".to_owned(), "HY000".to_owned());
        let found = verdict(&Error::Server(ServerError { code: 1665, message, state }));
        let Verdict::Fault(why) = found else { panic!("{found:?}") };
        assert!(why.contains("1665") && why.contains("set binlog_format to ROW or MIXED"), "{why}");
        assert!(!why.contains("hunter2"), "{why}");
    }
}
