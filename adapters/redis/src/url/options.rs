//! Parses the part after the `?` of a URL.

use std::path::PathBuf;

use super::{Login, RedisUrlError, decoded, number};

/// The parameters of a URL.
#[derive(Default)]
pub(super) struct Options {
    pub(super) authorities: Option<PathBuf>,
    pub(super) database: u32,
    /// Of the sentinels, or of the server behind a socket.
    pub(super) login: Login,
}

impl Options {
    /// Of a server or a cluster.
    pub(super) fn of_server(text: &str) -> Result<Self, RedisUrlError> {
        read(text, "ssl_ca_certs", |_, _, _| Ok(false))
    }

    /// Of sentinels, which may have another password than the servers they watch.
    pub(super) fn of_sentinel(text: &str) -> Result<Self, RedisUrlError> {
        read(text, "ssl_ca_certs, sentinel_username and sentinel_password", |options, name, value| {
            match name {
                "sentinel_username" => options.login.user = Some(value),
                "sentinel_password" => options.login.password = Some(value.into()),
                _ => return Ok(false),
            }
            Ok(true)
        })
    }

    /// Of a unix socket, whose URL has no other place for them.
    pub(super) fn of_socket(text: &str) -> Result<Self, RedisUrlError> {
        read(text, "db, username (or user) and password (or pass)", |options, name, value| {
            match name {
                "db" => options.database = number(&value)?,
                "user" | "username" => options.login.user = Some(value),
                "pass" | "password" => options.login.password = Some(value.into()),
                _ => return Ok(false),
            }
            Ok(true)
        })
    }
}

/// Reads `name=value&name=value`; values are percent-decoded.
fn read(
    text: &str,
    known: &'static str,
    take: impl Fn(&mut Options, &str, String) -> Result<bool, RedisUrlError>,
) -> Result<Options, RedisUrlError> {
    let mut options = Options::default();
    for (number, parameter) in (1..).zip(text.split('&').filter(|parameter| !parameter.is_empty())) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = decoded(value)?;
        match name {
            "ssl_ca_certs" if value.is_empty() => return Err(RedisUrlError::NoValue("ssl_ca_certs")),
            "ssl_ca_certs" => options.authorities = Some(value.into()),
            _ if take(&mut options, name, value)? => {}
            _ => {
                // a ? in a password ends the address early, and an & the parameter before
                let doubtful = text.contains('@') || options.login.password.is_some();
                let name = if doubtful { format!("number {number}") } else { format!("{name:?}") };
                return Err(RedisUrlError::UnknownParameter { name, known });
            }
        }
    }
    if options.login.user.is_some() && options.login.password.is_none() {
        return Err(RedisUrlError::NoPassword);
    }
    Ok(options)
}
