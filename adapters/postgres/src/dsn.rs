//! Where a database is, as `KAYAN_DB_DSN` says it.

mod pairs;
#[cfg(test)]
mod tests;

use std::{path::PathBuf, str::FromStr, time::Duration};

use tokio_postgres::config::{ChannelBinding, Config, TargetSessionAttrs};

/// The options that a DSN may have.
const KNOWN: &str = "host, port, user, password, dbname, sslmode, sslrootcert, application_name, connect_timeout, \
                     options, target_session_attrs, channel_binding";

/// A parsed DSN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dsn {
    pub(crate) config: Config,
    pub(crate) encryption: Encryption,
}

/// How the connection is protected: libpq's `sslmode` and `sslrootcert`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Encryption {
    pub(crate) mode: SslMode,
    /// The file of the authorities that are trusted; none: the system's.
    pub(crate) root: Option<PathBuf>,
}

/// libpq's modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// Why a DSN is invalid. No variant carries a part of it that could be a secret, and no message names the setting that
/// holds it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DsnError {
    /// It has neither form.
    #[error(
        "it is no PostgreSQL address; write postgres://USER:PASSWORD@HOST:5432/DATABASE?sslmode=verify-full, or \
         host=… user=… dbname=…"
    )]
    Form,
    /// A `%` that is not followed by two hexadecimal digits, or bytes that are no UTF-8.
    #[error("it has a % that does not encode a character; write % as %25")]
    Encoding,
    /// It names no host.
    #[error("it names no host; write a host name, or the folder of the server's socket")]
    NoHost,
    /// A port that is none, or not one port, or one for each host.
    #[error("a port is a number from 1 to 65535, one for all hosts or one for each")]
    Port,
    /// An option that is not known, by its name, or by its place where the name may be part of a password.
    #[error("option {0} is not known; known are {KNOWN}")]
    UnknownOption(String),
    /// A value that the option does not have.
    #[error("{option} is one of: {allowed}")]
    UnknownValue {
        /// The option.
        option: &'static str,
        /// The values it has.
        allowed: &'static str,
    },
    /// An option stands there twice.
    #[error("{0} is given twice")]
    Twice(&'static str),
    /// The system's authorities say who a host is only together with the host's name.
    #[error("sslrootcert=system asks for sslmode=verify-full")]
    WeakSystemRoots,
    /// A binding to a channel that is not encrypted.
    #[error("channel_binding=require asks for TLS; use sslmode=require or a stronger one, and no socket")]
    NothingToBindTo,
}

impl FromStr for Dsn {
    type Err = DsnError;

    /// Takes libpq's URL (`postgres://`, `postgresql://`) and its `key=value` form, with the options of the list above.
    fn from_str(dsn: &str) -> Result<Self, DsnError> {
        let mut reading = Reading::default();
        // A ? in a password ends a URL's address early, and an & or a blank the password itself: the rest looks like options.
        // Without its scheme, all of an address does. Either way an @ comes after them.
        let options = if dsn.contains("://") { dsn.split_once('?').map_or("", |(_, options)| options) } else { dsn };
        let cut = options.contains('@');
        let mut after_password = false;
        for (position, (option, value)) in (1_usize..).zip(pairs::split(dsn)?) {
            if !reading.take(&option, value)? {
                let doubtful = cut || after_password;
                let name = if doubtful { format!("number {position}") } else { format!("{option:?}") };
                return Err(DsnError::UnknownOption(name));
            }
            after_password = option == "password";
        }
        reading.finish()
    }
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    config: Config,
    seen: Vec<&'static str>,
    hosts: Vec<String>,
    ports: Vec<u16>,
    mode: Option<SslMode>,
    root: Option<String>,
}

impl Reading {
    /// Whether there is such an option.
    fn take(&mut self, option: &str, value: String) -> Result<bool, DsnError> {
        let Some(known) = KNOWN.split(", ").find(|known| *known == option) else { return Ok(false) };
        if self.seen.contains(&known) {
            return Err(DsnError::Twice(known));
        }
        self.seen.push(known);
        match known {
            "host" => self.hosts = value.split(',').map(str::to_owned).collect(),
            "port" => self.ports = ports(&value)?,
            "user" => drop(self.config.user(value)),
            "password" => drop(self.config.password(value)),
            "dbname" => drop(self.config.dbname(value)),
            "sslmode" => self.mode = Some(mode(&value)?),
            "sslrootcert" => self.root = Some(value),
            "application_name" => drop(self.config.application_name(value)),
            "connect_timeout" => {
                let allowed = "whole seconds; 0 waits as long as a request may";
                let unknown = |_| DsnError::UnknownValue { option: "connect_timeout", allowed };
                let seconds: u64 = value.parse().map_err(unknown)?;
                if seconds > 0 {
                    self.config.connect_timeout(Duration::from_secs(seconds));
                }
            }
            "options" => drop(self.config.options(value)),
            "channel_binding" => drop(self.config.channel_binding(binding(&value)?)),
            _ => drop(self.config.target_session_attrs(session(&value)?)),
        }
        Ok(true)
    }

    fn finish(mut self) -> Result<Dsn, DsnError> {
        if self.hosts.is_empty() || self.hosts.iter().any(String::is_empty) {
            return Err(DsnError::NoHost);
        }
        if self.ports.len() > 1 && self.ports.len() != self.hosts.len() {
            return Err(DsnError::Port);
        }
        if self.config.get_application_name().is_none() {
            self.config.application_name("kayan");
        }
        for port in self.ports {
            self.config.port(port);
        }
        let sockets_only = self.hosts.iter().all(|host| host.starts_with('/'));
        for host in self.hosts {
            self.config.host(host);
        }
        let encryption = encryption(self.mode, self.root)?;
        // As libpq does: what does not leave the machine is not encrypted.
        let mode = if sockets_only { SslMode::Disable } else { encryption.mode };
        if mode == SslMode::Disable && self.config.get_channel_binding() == ChannelBinding::Require {
            return Err(DsnError::NothingToBindTo);
        }
        Ok(Dsn { config: self.config, encryption: Encryption { mode, ..encryption } })
    }
}

fn encryption(mode: Option<SslMode>, root: Option<String>) -> Result<Encryption, DsnError> {
    let system = root.as_deref() == Some("system");
    let mode = match (mode, root.is_some()) {
        (None, _) if system => SslMode::VerifyFull,
        (Some(weaker), _) if system && weaker != SslMode::VerifyFull => return Err(DsnError::WeakSystemRoots),
        // As libpq does: with an authority named, it is used.
        (Some(SslMode::Require), true) => SslMode::VerifyCa,
        (mode, _) => mode.unwrap_or(SslMode::Prefer),
    };
    Ok(Encryption { mode, root: root.filter(|_| !system).map(PathBuf::from) })
}

fn ports(text: &str) -> Result<Vec<u16>, DsnError> {
    let port = |port: &str| match port {
        "" => Some(5432),
        digits => digits.parse().ok().filter(|port| *port != 0),
    };
    text.split(',').map(port).collect::<Option<_>>().ok_or(DsnError::Port)
}

fn mode(name: &str) -> Result<SslMode, DsnError> {
    Ok(match name {
        "disable" => SslMode::Disable,
        "allow" => SslMode::Allow,
        "prefer" => SslMode::Prefer,
        "require" => SslMode::Require,
        "verify-ca" => SslMode::VerifyCa,
        "verify-full" => SslMode::VerifyFull,
        _ => {
            let allowed = "disable, allow, prefer, require, verify-ca, verify-full";
            return Err(DsnError::UnknownValue { option: "sslmode", allowed });
        }
    })
}

fn binding(name: &str) -> Result<ChannelBinding, DsnError> {
    match name {
        "disable" => Ok(ChannelBinding::Disable),
        "prefer" => Ok(ChannelBinding::Prefer),
        "require" => Ok(ChannelBinding::Require),
        _ => Err(DsnError::UnknownValue { option: "channel_binding", allowed: "disable, prefer, require" }),
    }
}

fn session(name: &str) -> Result<TargetSessionAttrs, DsnError> {
    match name {
        "any" => Ok(TargetSessionAttrs::Any),
        "read-write" => Ok(TargetSessionAttrs::ReadWrite),
        "read-only" => Ok(TargetSessionAttrs::ReadOnly),
        _ => {
            let allowed = "any, read-write, read-only";
            Err(DsnError::UnknownValue { option: "target_session_attrs", allowed })
        }
    }
}
