//! Parses `KAYAN_REDIS_URL`.

mod options;
#[cfg(test)]
mod tests;

use std::{path::PathBuf, str::FromStr};

use percent_encoding::percent_decode_str;
use secrecy::SecretString;

use options::Options;

const SERVER_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// A parsed URL; the crate's documentation lists the forms.
#[derive(Debug, Clone)]
pub struct RedisUrl {
    pub(crate) place: Place,
    /// The credentials for the servers that hold data.
    pub(crate) login: Login,
    /// The number of the database.
    pub(crate) database: u32,
    pub(crate) tls: bool,
    /// A file of certificates (PEM) to trust instead of the public authorities.
    pub(crate) authorities: Option<PathBuf>,
}

/// A user and a password.
#[derive(Debug, Clone, Default)]
pub(crate) struct Login {
    /// `None` is the server's default user.
    pub(crate) user: Option<String>,
    pub(crate) password: Option<SecretString>,
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// A name or an address, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// The kind of Redis, and its address.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Server(Address),
    Unix(PathBuf),
    /// Some nodes of a cluster.
    Cluster(Vec<Address>),
    /// Sentinels that know where the master of this name is.
    Sentinel {
        sentinels: Vec<Address>,
        master: String,
        login: Login,
    },
}

/// Why a URL is refused. No message contains any of the text but a parameter's name, as it may contain a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedisUrlError {
    /// No scheme, or an unknown one.
    #[error(
        "it begins with none of redis://, rediss://, unix://, redis+cluster://, rediss+cluster://, redis+sentinel:// \
         and rediss+sentinel://; write redis://HOST:6379"
    )]
    Scheme,
    /// The host or the port is not valid.
    #[error(
        "the address is not HOST, HOST:PORT or [IPV6]:PORT; write redis://USER:PASSWORD@HOST:PORT/0, and the signs \
         @ : / ? # % of a password as %40 %3A %2F %3F %23 %25"
    )]
    Address,
    /// A user without a password.
    #[error("there is a user without a password; write USER:PASSWORD@, or :PASSWORD@ for the default user")]
    NoPassword,
    /// Several hosts with the scheme of a single server.
    #[error(
        "several hosts are a cluster or sentinels; write redis+cluster://HOST:PORT,HOST:PORT or \
         redis+sentinel://HOST:PORT,HOST:PORT/MASTER"
    )]
    SeveralHosts,
    /// The database is not a number.
    #[error("the database is not a number; write 0, or leave it out")]
    Database,
    /// A database in a cluster.
    #[error("a cluster has no numbered databases; write nothing behind its hosts")]
    DatabaseInCluster,
    /// Sentinels without the name of the master.
    #[error("the name of the master is missing; write redis+sentinel://HOST:26379/MASTER")]
    NoMaster,
    /// The socket's path is missing, or relative.
    #[error("a unix socket has a path that begins with /; write unix:///run/redis/redis.sock")]
    SocketPath,
    /// A `%` without two hexadecimal digits, or bytes that are not UTF-8.
    #[error("a % is not followed by two hexadecimal digits, or the bytes are not UTF-8 (write % as %25)")]
    Escape,
    /// A control character.
    #[error("it contains a control character")]
    Control,
    /// An unknown parameter.
    #[error("parameter {name} is not known here; known are {known}")]
    UnknownParameter {
        /// Its name, or its position where the name may be part of a password.
        name: String,
        /// The known parameters.
        known: &'static str,
    },
    /// A parameter without a value.
    #[error("{0} has no value")]
    NoValue(&'static str),
    /// The user or the password is given twice.
    #[error("user and password are given twice; write them before the @ or as parameters")]
    LoginTwice,
    /// An authority without TLS.
    #[error("ssl_ca_certs needs TLS; write rediss:// with two s")]
    AuthoritiesUnused,
}

impl FromStr for RedisUrl {
    type Err = RedisUrlError;

    fn from_str(url: &str) -> Result<Self, RedisUrlError> {
        if url.chars().any(char::is_control) {
            return Err(RedisUrlError::Control);
        }
        let (scheme, rest) = url.split_once("://").ok_or(RedisUrlError::Scheme)?;
        let (rest, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').map_or((rest, None), |(before, path)| (before, Some(path)));
        let (login, hosts) = authority.rsplit_once('@').map_or((None, authority), |(login, rest)| (Some(login), rest));
        let login = login.map_or(Ok(Login::default()), credentials)?;
        let tls = scheme.starts_with("rediss");
        let below = path.unwrap_or_default();
        let (place, database, options) = match scheme {
            "redis" | "rediss" => {
                let options = Options::of_server(parameters)?;
                (Place::Server(one(hosts)?), number(below)?, options)
            }
            "redis+cluster" | "rediss+cluster" => {
                let options = Options::of_server(parameters)?;
                if number(below) != Ok(0) {
                    return Err(RedisUrlError::DatabaseInCluster);
                }
                (Place::Cluster(several(hosts, SERVER_PORT)?), 0, options)
            }
            "redis+sentinel" | "rediss+sentinel" => {
                let mut options = Options::of_sentinel(parameters)?;
                let sentinels = several(hosts, SENTINEL_PORT)?;
                let (master, database) = below.split_once('/').unwrap_or((below, ""));
                let master = decoded(master)?;
                if master.is_empty() {
                    return Err(RedisUrlError::NoMaster);
                }
                let login = std::mem::take(&mut options.login);
                (Place::Sentinel { sentinels, master, login }, number(database)?, options)
            }
            "unix" | "redis+unix" => {
                let options = Options::of_socket(parameters)?;
                if !hosts.is_empty() || below.is_empty() {
                    return Err(RedisUrlError::SocketPath);
                }
                (Place::Unix(format!("/{}", decoded(below)?).into()), options.database, options)
            }
            _ => return Err(RedisUrlError::Scheme),
        };
        if options.authorities.is_some() && !tls {
            return Err(RedisUrlError::AuthoritiesUnused);
        }
        let login = match (login.password.is_some(), options.login.is_some()) {
            (true, true) => return Err(RedisUrlError::LoginTwice),
            (_, false) => login,
            (false, true) => options.login,
        };
        Ok(Self { place, login, database, tls, authorities: options.authorities })
    }
}

impl Login {
    fn is_some(&self) -> bool {
        self.user.is_some() || self.password.is_some()
    }
}

/// Parses the part before the `@`.
fn credentials(text: &str) -> Result<Login, RedisUrlError> {
    let (user, password) = match text.split_once(':') {
        Some((user, password)) if !password.is_empty() => (decoded(user)?, decoded(password)?),
        _ if text.is_empty() || text == ":" => return Ok(Login::default()),
        _ => return Err(RedisUrlError::NoPassword),
    };
    Ok(Login { user: Some(user).filter(|user| !user.is_empty()), password: Some(password.into()) })
}

fn one(hosts: &str) -> Result<Address, RedisUrlError> {
    if hosts.contains(',') { Err(RedisUrlError::SeveralHosts) } else { address(hosts, SERVER_PORT) }
}

fn several(hosts: &str, default: u16) -> Result<Vec<Address>, RedisUrlError> {
    hosts.split(',').map(|host| address(host, default)).collect()
}

fn address(text: &str, default: u16) -> Result<Address, RedisUrlError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(RedisUrlError::Address)?;
            let _: std::net::Ipv6Addr = host.parse().map_err(|_| RedisUrlError::Address)?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or(RedisUrlError::Address)?) })
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let odd = |c: char| c.is_whitespace() || "()[]@?#%,\\".contains(c);
    if host.is_empty() || host.contains(odd) {
        return Err(RedisUrlError::Address);
    }
    let number = |port: &str| port.bytes().all(|b| b.is_ascii_digit()).then(|| port.parse().ok()).flatten();
    let port = port.map_or(Some(default), number).filter(|port| *port > 0).ok_or(RedisUrlError::Address)?;
    Ok(Address { host: host.to_owned(), port })
}

/// The number of a database; the first if there is none.
fn number(text: &str) -> Result<u32, RedisUrlError> {
    match text {
        "" => Ok(0),
        text if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().map_err(|_| RedisUrlError::Database),
        _ => Err(RedisUrlError::Database),
    }
}

fn decoded(text: &str) -> Result<String, RedisUrlError> {
    let hexadecimal = |after: &str| after.len() >= 2 && after.bytes().take(2).all(|b| b.is_ascii_hexdigit());
    if !text.split('%').skip(1).all(hexadecimal) {
        return Err(RedisUrlError::Escape);
    }
    let text = percent_decode_str(text).decode_utf8().map_err(|_| RedisUrlError::Escape)?;
    if text.contains(char::is_control) { Err(RedisUrlError::Control) } else { Ok(text.into_owned()) }
}
