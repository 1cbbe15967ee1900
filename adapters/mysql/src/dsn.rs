//! Where a database is and how it is reached, as `KAYAN_DB_DSN` says it.

mod options;
#[cfg(test)]
mod tests;

use std::{path::PathBuf, str::FromStr, time::Duration};

use percent_encoding::percent_decode_str;
use secrecy::SecretString;

/// A parsed DSN.
#[derive(Debug, Clone)]
pub struct Dsn {
    /// The user; the server's anonymous user when it is empty.
    pub user: String,
    /// The password; empty when there is none.
    pub password: SecretString,
    /// Where the server is.
    pub place: Place,
    /// The database's name.
    pub database: String,
    /// Whether and how the connection is encrypted.
    pub tls: Tls,
    /// A file of certificates (PEM) to trust instead of the public authorities.
    pub ca: Option<PathBuf>,
    /// How long making a connection may take; never longer than a request may wait.
    pub timeout: Option<Duration>,
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// On the network.
    Tcp {
        /// A name or an address, without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// On this machine.
    Unix(PathBuf),
}

/// Whether and how a connection is encrypted. A unix socket never is: it does not leave the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Not at all.
    Off,
    /// When the server can, without checking its certificate.
    Preferred,
    /// Always, without checking its certificate.
    SkipVerify,
    /// Always, with a certificate that is trusted and names the host.
    Verified,
}

/// Why a DSN is invalid. No message holds any of the text but an option's name, for the rest may be a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DsnError {
    /// There is no `/` before the database's name.
    #[error("it has no / before the database's name; write user:password@tcp(localhost:3306)/kayan")]
    NoSlash,
    /// The database's name is missing.
    #[error("it names no database; write its name behind the /, as in user:password@tcp(localhost:3306)/kayan")]
    NoDatabase,
    /// The network is neither `tcp` nor `unix`, or the parenthesis is missing.
    #[error("the address is neither tcp(HOST:PORT) nor unix(/PATH)")]
    Network,
    /// Host or port are invalid.
    #[error("the address in tcp(…) is no HOST, HOST:PORT or [IPV6]:PORT")]
    Address,
    /// There is no path in `unix(…)`.
    #[error("the address in unix(…) is no path that begins with /")]
    SocketPath,
    /// A `%` that begins no byte, or bytes that are no UTF-8.
    #[error("a % is not followed by two hexadecimal digits, or they are no UTF-8 (write % as %25)")]
    Escape,
    /// There is a NUL byte.
    #[error("it holds a NUL byte")]
    Nul,
    /// An option that is not known, by its name or its place.
    #[error("option {0} is not known; known are {names}", names = options::NAMES)]
    UnknownOption(String),
    /// A value that an option does not have.
    #[error("{option} has a value that is not known; use {allowed}")]
    UnknownValue {
        /// The option.
        option: &'static str,
        /// The values it has.
        allowed: &'static str,
    },
    /// An authority's certificates without a check of the server's.
    #[error("tls-ca is of no use without tls=true")]
    CaUnused,
}

impl FromStr for Dsn {
    type Err = DsnError;

    /// Takes `user:password@tcp(host:port)/database?options`, `…@unix(/path)/…`, and `mysql://user:password@host:port/…`.
    ///
    /// In the first form the user ends at the first `:` and the password at the last `@` before the address, so that a
    /// password may hold `@`, `:`, `/` and `?` as they are. In the URL form both are percent-decoded.
    fn from_str(dsn: &str) -> Result<Self, DsnError> {
        if dsn.contains('\0') {
            return Err(DsnError::Nul);
        }
        let url = dsn.strip_prefix("mysql://");
        let (login, address, rest) = split(url.unwrap_or(dsn))?;
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let (user, password) = match url {
            Some(_) => (decoded(user)?, decoded(password)?),
            None => (user.to_owned(), password.to_owned()),
        };
        let place = match url {
            Some(_) if !address.ends_with(')') => tcp(address)?,
            _ => place(address)?,
        };
        let (database, options) = rest.split_once('?').unwrap_or((rest, ""));
        let database = decoded(database)?;
        if database.is_empty() {
            return Err(DsnError::NoDatabase);
        }
        // Where no @ stands before them, or one in them, what looks like options may be the rest of a password.
        let named = !options.contains('@') && dsn.strip_suffix(rest).is_some_and(|before| before.contains('@'));
        let options = options::parse(options, named)?;
        Ok(Self {
            user,
            password: password.into(),
            place,
            database,
            tls: options.tls,
            ca: options.ca,
            timeout: options.timeout,
        })
    }
}

/// Login, address, and what follows the `/`.
fn split(dsn: &str) -> Result<(&str, &str, &str), DsnError> {
    // An address in parentheses ends at ")/", wherever else there are slashes: the last that has one before it.
    for (end, _) in dsn.rmatch_indices(")/") {
        let (before, rest) = parts(dsn, end + 1);
        let (login, address) = before.rsplit_once('@').unwrap_or(("", before));
        if address.starts_with("tcp(") || address.starts_with("unix(") {
            return Ok((login, address, rest));
        }
    }
    // Without one there are no slashes in the address, and the options may hold some but not an @.
    let from = dsn.rfind('@').map_or(0, |at| at + 1);
    let slash = dsn.get(from..).and_then(|rest| rest.find('/')).ok_or(DsnError::NoSlash)?;
    let (before, rest) = parts(dsn, from + slash);
    let (login, address) = before.rsplit_once('@').unwrap_or(("", before));
    Ok((login, address, rest))
}

/// What stands before the `/` at this position, and what behind it.
fn parts(dsn: &str, slash: usize) -> (&str, &str) {
    (dsn.get(..slash).unwrap_or_default(), dsn.get(slash + 1..).unwrap_or_default())
}

fn place(address: &str) -> Result<Place, DsnError> {
    let inside = |network: &str| address.strip_prefix(network)?.strip_prefix('(')?.strip_suffix(')');
    if let Some(path) = inside("unix") {
        return if path.starts_with('/') { Ok(Place::Unix(path.into())) } else { Err(DsnError::SocketPath) };
    }
    match (inside("tcp"), address) {
        (Some(inside), _) => tcp(inside),
        (None, "" | "tcp") => tcp(""),
        _ => Err(DsnError::Network),
    }
}

fn tcp(address: &str) -> Result<Place, DsnError> {
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(DsnError::Address)?;
            let _: std::net::Ipv6Addr = host.parse().map_err(|_| DsnError::Address)?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or(DsnError::Address)?) })
        }
        None => address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port))),
    };
    let odd = |c: char| c.is_whitespace() || c.is_control() || "()[]/@?#%".contains(c);
    if host.contains(odd) || (host.is_empty() && port.is_some()) {
        return Err(DsnError::Address);
    }
    let host = if host.is_empty() { "127.0.0.1" } else { host };
    let port = port.map_or(Ok(3306), |port| port.parse().ok().filter(|port| *port > 0).ok_or(DsnError::Address))?;
    Ok(Place::Tcp { host: host.to_owned(), port })
}

fn decoded(text: &str) -> Result<String, DsnError> {
    let mut rest = text.split('%').skip(1);
    let hexadecimal = |after: &str| after.len() >= 2 && after.bytes().take(2).all(|b| b.is_ascii_hexdigit());
    if !rest.all(hexadecimal) {
        return Err(DsnError::Escape);
    }
    let text = percent_decode_str(text).decode_utf8().map_err(|_| DsnError::Escape)?;
    if text.contains('\0') { Err(DsnError::Nul) } else { Ok(text.into_owned()) }
}
