//! Parses `KAYAN_SMTP_URL`.

#[cfg(test)]
mod tests;

use std::{fmt, path::PathBuf, str::FromStr};

use percent_encoding::percent_decode_str;
use secrecy::SecretString;

const IMPLICIT_TLS_PORT: u16 = 465;
const SUBMISSION_PORT: u16 = 587;
const CONNECTIONS: usize = 4;
const MOST_CONNECTIONS: usize = 32;

/// A parsed URL: `smtps://USER:PASSWORD@HOST:465` or `smtp://USER:PASSWORD@HOST:587`, with the parameters `tls`
/// (`required`, `opportunistic`, `none`), `ca` (a PEM file: trust these authorities instead of the public ones) and
/// `connections` (1 to 32).
#[derive(Clone)]
pub struct SmtpUrl {
    /// A name or an address, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) login: Option<Login>,
    pub(crate) tls: Tls,
    /// A file of certificates (PEM) to trust instead of the system's.
    pub(crate) authorities: Option<PathBuf>,
    /// The most connections at a time.
    pub(crate) connections: usize,
}

/// A user and a password.
#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: SecretString,
}

/// When TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tls {
    /// With the connection (RFC 8314, section 3.3).
    Implicit,
    /// By STARTTLS (RFC 3207), without which nothing is sent.
    Required,
    /// By STARTTLS, if the server offers it.
    Opportunistic,
    /// Never.
    None,
}

/// Why a URL is refused. No message contains any of the text but a parameter's name, as it may contain a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SmtpUrlError {
    /// No scheme, or an unknown one.
    #[error("it begins with neither smtps:// nor smtp://; write smtps://USER:PASSWORD@HOST:465")]
    Scheme,
    /// The host or the port is not valid.
    #[error(
        "the address is not HOST, HOST:PORT or [IPV6]:PORT; write smtps://USER:PASSWORD@HOST:PORT, and the signs \
         @ : / ? # % of a user or a password as %40 %3A %2F %3F %23 %25"
    )]
    Address,
    /// A path.
    #[error("there is a path behind the address; remove it")]
    Path,
    /// A user without a password, or a password without a user.
    #[error("there is a user without a password, or a password without a user; write USER:PASSWORD@, or neither")]
    HalfALogin,
    /// A `%` without two hexadecimal digits, or bytes that are not UTF-8.
    #[error("a % is not followed by two hexadecimal digits, or the bytes are not UTF-8; write % as %25")]
    Escape,
    /// A control character.
    #[error("it contains a control character; remove it")]
    Control,
    /// An unknown parameter.
    #[error("parameter {0} is not known here; known are tls, ca and connections")]
    UnknownParameter(String),
    /// A parameter without a value that it allows.
    #[error("{name} is not one of the allowed values; use {allowed}")]
    Value {
        /// The parameter.
        name: &'static str,
        /// What it allows.
        allowed: &'static str,
    },
    /// A parameter of STARTTLS where TLS begins with the connection.
    #[error("tls is for smtp:// only, and smtps:// is always encrypted; remove it")]
    TlsTwice,
    /// An authority without TLS.
    #[error("ca needs TLS; remove tls=none, or ca")]
    AuthoritiesUnused,
}

impl SmtpUrl {
    /// Whether nothing, and no password above all, is ever sent without TLS.
    pub fn is_encrypted(&self) -> bool {
        matches!(self.tls, Tls::Implicit | Tls::Required)
    }
}

impl fmt::Debug for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, tls, connections, .. } = self;
        write!(f, "SmtpUrl({host}:{port}, {tls:?}, {connections} connections)")
    }
}

impl FromStr for SmtpUrl {
    type Err = SmtpUrlError;

    fn from_str(url: &str) -> Result<Self, SmtpUrlError> {
        if url.chars().any(char::is_control) {
            return Err(SmtpUrlError::Control);
        }
        let (scheme, rest) = url.split_once("://").ok_or(SmtpUrlError::Scheme)?;
        let (mut tls, default) = match scheme {
            "smtps" => (Tls::Implicit, IMPLICIT_TLS_PORT),
            "smtp" => (Tls::Required, SUBMISSION_PORT),
            _ => return Err(SmtpUrlError::Scheme),
        };
        let (rest, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let (login, place) = rest.rsplit_once('@').map_or((None, rest), |(login, rest)| (Some(login), rest));
        let (place, path) = place.split_once('/').unwrap_or((place, ""));
        let (host, port) = address(place, default)?;
        if !path.is_empty() {
            return Err(SmtpUrlError::Path);
        }
        let login = login.map(credentials).transpose()?;
        // a ? in a password ends the address early
        let doubtful = parameters.contains('@');
        let (mut authorities, mut connections) = (None, CONNECTIONS);
        for (number, parameter) in (1..).zip(parameters.split('&').filter(|parameter| !parameter.is_empty())) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = decoded(value)?;
            match name {
                "tls" if scheme == "smtps" => return Err(SmtpUrlError::TlsTwice),
                "tls" => tls = starttls(&value)?,
                "ca" if value.is_empty() => {
                    return Err(SmtpUrlError::Value { name: "ca", allowed: "the path of a PEM file" });
                }
                "ca" => authorities = Some(value.into()),
                "connections" => connections = number_of(&value)?,
                _ if doubtful => return Err(SmtpUrlError::UnknownParameter(format!("number {number}"))),
                _ => return Err(SmtpUrlError::UnknownParameter(format!("{name:?}"))),
            }
        }
        if authorities.is_some() && tls == Tls::None {
            return Err(SmtpUrlError::AuthoritiesUnused);
        }
        Ok(Self { host, port, login, tls, authorities, connections })
    }
}

fn starttls(value: &str) -> Result<Tls, SmtpUrlError> {
    match value {
        "required" => Ok(Tls::Required),
        "opportunistic" => Ok(Tls::Opportunistic),
        "none" => Ok(Tls::None),
        _ => Err(SmtpUrlError::Value { name: "tls", allowed: "required, opportunistic or none" }),
    }
}

fn number_of(value: &str) -> Result<usize, SmtpUrlError> {
    let number = value.parse().ok().filter(|number| (1..=MOST_CONNECTIONS).contains(number));
    number.ok_or(SmtpUrlError::Value { name: "connections", allowed: "a number from 1 to 32" })
}

/// Parses the part before the `@`.
fn credentials(text: &str) -> Result<Login, SmtpUrlError> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    if user.is_empty() || password.is_empty() {
        return Err(SmtpUrlError::HalfALogin);
    }
    Ok(Login { user: decoded(user)?, password: decoded(password)?.into() })
}

fn address(text: &str, default: u16) -> Result<(String, u16), SmtpUrlError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(SmtpUrlError::Address)?;
            let _: std::net::Ipv6Addr = host.parse().map_err(|_| SmtpUrlError::Address)?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or(SmtpUrlError::Address)?) })
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let is_odd = |c: char| c.is_whitespace() || "()[]@?#%,\\".contains(c);
    if host.is_empty() || host.contains(is_odd) {
        return Err(SmtpUrlError::Address);
    }
    let number = |port: &str| port.bytes().all(|b| b.is_ascii_digit()).then(|| port.parse().ok()).flatten();
    let port = port.map_or(Some(default), number).filter(|port| *port > 0).ok_or(SmtpUrlError::Address)?;
    Ok((host.to_owned(), port))
}

fn decoded(text: &str) -> Result<String, SmtpUrlError> {
    let is_escape = |after: &str| after.len() >= 2 && after.bytes().take(2).all(|b| b.is_ascii_hexdigit());
    if !text.split('%').skip(1).all(is_escape) {
        return Err(SmtpUrlError::Escape);
    }
    let text = percent_decode_str(text).decode_utf8().map_err(|_| SmtpUrlError::Escape)?;
    if text.contains(char::is_control) { Err(SmtpUrlError::Control) } else { Ok(text.into_owned()) }
}
