//! Errors of Redis, in words without addresses, keys or secrets.

use std::io;

use kayan_ports::Failure;
use redis::{ErrorKind, RedisError, ServerErrorKind};
use rustls::CertificateError;

/// Why Redis did not answer as expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ServerError {
    #[error("the server can't be reached")]
    Unreachable,
    #[error("the server does not answer in time")]
    Silent,
    #[error("the connection to the server was lost")]
    Lost,
    #[error("the program at this address does not speak the Redis protocol")]
    Foreign,
    #[error("the server refuses this user or password, or requires none")]
    Login,
    #[error(
        "the server asks for a password; write USER:PASSWORD@ before the host, or sentinel_password= for the sentinels"
    )]
    NoLogin,
    #[error("the server has no database of this number")]
    NoDatabase,
    #[error("the user may not do that; let it run scripts on keys kayan:* and use the channel kayan:sessions")]
    NotAllowed,
    #[error("the program at this address is no sentinel; name the sentinels, or write redis:// for one server")]
    NoSentinel,
    #[error("the sentinels know no master of this name")]
    NoMaster,
    #[error("the server that the sentinels name is not the master, or not yet")]
    NotMaster,
    #[error("{0}")]
    Tls(&'static str),
    #[error("the server answers {code}{}", hint(.code))]
    Refused { code: String },
    #[error("the server's answer is not valid")]
    Answer,
}

fn hint(code: &str) -> &'static str {
    match code {
        "LOADING" => ": it is reading its data; wait",
        "READONLY" => ": it is a replica; name the master, or sentinels",
        "MASTERDOWN" | "CLUSTERDOWN" => ": a part of it is unavailable",
        "MOVED" | "ASK" | "CROSSSLOT" => ": it is a cluster; write redis+cluster://",
        "OOM" => ": its memory is full",
        "MISCONF" => ": it can't write its data to disk",
        "BUSY" => ": another script keeps it busy",
        "DENIED" => ": it is in protected mode; give it a password",
        _ => "",
    }
}

impl ServerError {
    /// Whether a server answered this and keeps answering on this connection.
    pub(crate) fn is_an_answer(&self) -> bool {
        !self.is_of_all_connections()
            && matches!(self, Self::NoLogin | Self::NotAllowed | Self::Refused { .. } | Self::Answer)
    }

    /// Whether to replace all connections: the server hangs, or is no longer the master.
    pub(crate) fn is_of_all_connections(&self) -> bool {
        match self {
            Self::Silent => true,
            Self::Refused { code } => ["READONLY", "MASTERDOWN", "LOADING"].contains(&code.as_str()),
            _ => false,
        }
    }
}

impl From<ServerError> for Failure {
    fn from(trouble: ServerError) -> Self {
        Self::Unavailable(trouble.to_string())
    }
}

impl From<RedisError> for ServerError {
    fn from(error: RedisError) -> Self {
        match error.kind() {
            ErrorKind::AuthenticationFailed => Self::Login,
            ErrorKind::Io if error.is_timeout() => Self::Silent,
            ErrorKind::Io => error.detail().map_or(Self::Lost, of_cluster),
            ErrorKind::ClusterConnectionNotFound => Self::Unreachable,
            ErrorKind::Parse => Self::Foreign,
            ErrorKind::UnexpectedReturnType => Self::Answer,
            ErrorKind::Server(ServerErrorKind::NoPerm) => Self::NotAllowed,
            _ => error.code().map_or(Self::Answer, of_code),
        }
    }
}

fn of_code(code: &str) -> ServerError {
    match code {
        "NOAUTH" => ServerError::NoLogin,
        "WRONGPASS" => ServerError::Login,
        _ => ServerError::Refused { code: code.to_owned() },
    }
}

/// No node of a cluster was reached; the library reports one of them in its own words.
fn of_cluster(detail: &str) -> ServerError {
    let holds = |words: &[&str]| words.iter().any(|word| detail.contains(word));
    if holds(&["NOAUTH"]) {
        ServerError::NoLogin
    } else if holds(&["Password authentication failed"]) {
        ServerError::Login
    } else if holds(&["UnknownIssuer"]) {
        ServerError::Tls(UNTRUSTED)
    } else if holds(&["NotValidForName", "not valid for name"]) {
        ServerError::Tls(OTHER_HOST)
    } else {
        ServerError::Unreachable
    }
}

const UNTRUSTED: &str = "the server's certificate was issued by an authority that is not trusted; name a file with its certificate with ssl_ca_certs";
const OTHER_HOST: &str = "the server's certificate names another host";

/// Why there is no connection.
pub(crate) fn unconnected(error: &io::Error) -> ServerError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        None => ServerError::Unreachable,
        Some(rustls::Error::InvalidCertificate(why)) => ServerError::Tls(match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the server's certificate has expired"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => OTHER_HOST,
            CertificateError::UnknownIssuer => UNTRUSTED,
            _ => "the server's certificate is not valid",
        }),
        Some(rustls::Error::InvalidMessage(_)) => ServerError::Tls(
            "the program at this address does not speak TLS; write redis:// with one s, or set up its certificate",
        ),
        Some(_) => ServerError::Tls("the server and Kayan support no common version of TLS"),
    }
}
