//! The two forms of a DSN, taken apart into options and their values.

use std::{iter::Peekable, str::Chars};

use percent_encoding::percent_decode_str;

use super::DsnError;

type Pairs = Vec<(String, String)>;

/// Every option that is given, in its order; those of a URL's authority come first, under libpq's names.
pub(super) fn split(dsn: &str) -> Result<Pairs, DsnError> {
    if dsn.contains('\0') {
        return Err(DsnError::Form);
    }
    match dsn.strip_prefix("postgres://").or_else(|| dsn.strip_prefix("postgresql://")) {
        Some(rest) => url(rest),
        None if dsn.contains("://") => Err(DsnError::Form),
        None => words(dsn),
    }
}

fn url(rest: &str) -> Result<Pairs, DsnError> {
    let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = place.split_once('/').unwrap_or((place, ""));
    let (who, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = who.split_once(':').map_or((who, None), |(user, password)| (user, Some(password)));
    let mut pairs = Pairs::new();
    let mut push = |option: &str, value: &str| -> Result<(), DsnError> {
        pairs.push((decoded(option)?, decoded(value)?));
        Ok(())
    };
    if !user.is_empty() {
        push("user", user)?;
    }
    if let Some(password) = password {
        push("password", password)?;
    }
    if !hosts.is_empty() {
        let (names, ports): (Vec<_>, Vec<_>) =
            hosts.split(',').map(host).collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        push("host", &names.join(","))?;
        if ports.iter().any(|port| !port.is_empty()) {
            push("port", &ports.join(","))?;
        }
    }
    if !database.is_empty() {
        push("dbname", database)?;
    }
    for option in options.split('&').filter(|option| !option.is_empty()) {
        let (option, value) = option.split_once('=').ok_or(DsnError::Form)?;
        push(option, value)?;
    }
    Ok(pairs)
}

/// Host and port; an IPv6 address stands in brackets.
fn host(text: &str) -> Result<(&str, &str), DsnError> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']').ok_or(DsnError::Form)?;
        let port = if port.is_empty() { "" } else { port.strip_prefix(':').ok_or(DsnError::Form)? };
        return Ok((address, port));
    }
    Ok(text.split_once(':').unwrap_or((text, "")))
}

fn decoded(text: &str) -> Result<String, DsnError> {
    let hex = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        rest = rest.get(at + 1..).unwrap_or_default();
        if !hex(rest.first()) || !hex(rest.get(1)) || rest.starts_with(b"00") {
            return Err(DsnError::Encoding);
        }
    }
    percent_decode_str(text).decode_utf8().map(std::borrow::Cow::into_owned).map_err(|_| DsnError::Encoding)
}

/// `key=value key = 'a value'`, with `\` before a quote or a `\`.
fn words(dsn: &str) -> Result<Pairs, DsnError> {
    let mut rest = dsn.chars().peekable();
    let mut pairs = Pairs::new();
    loop {
        blanks(&mut rest);
        if rest.peek().is_none() {
            return if pairs.is_empty() { Err(DsnError::Form) } else { Ok(pairs) };
        }
        let mut option = String::new();
        while let Some(sign) = rest.next_if(|sign| *sign != '=' && !sign.is_whitespace()) {
            option.push(sign);
        }
        blanks(&mut rest);
        if option.is_empty() || rest.next() != Some('=') {
            return Err(DsnError::Form);
        }
        blanks(&mut rest);
        pairs.push((option, value(&mut rest)?));
    }
}

fn blanks(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|sign| sign.is_whitespace()).is_some() {}
}

fn value(rest: &mut Peekable<Chars<'_>>) -> Result<String, DsnError> {
    let quoted = rest.next_if_eq(&'\'').is_some();
    let mut value = String::new();
    loop {
        match rest.next() {
            Some('\\') => value.push(rest.next().ok_or(DsnError::Form)?),
            Some('\'') if quoted => return Ok(value),
            Some(sign) if !quoted && sign.is_whitespace() => return Ok(value),
            Some(sign) => value.push(sign),
            None if quoted => return Err(DsnError::Form),
            None => return Ok(value),
        }
    }
}
