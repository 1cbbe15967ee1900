//! The cookies (RFC 6265bis): of a session, of a browser with a passkey ceremony or a login by a provider, and of a device.

use kayan_core::{Opened, Token};
use kayan_ports::Timestamp;

use crate::HttpSettings;

/// The name that a cookie has here, of those without a prefix, with `__Host-` and with `__Secure-`. Over https, `__Host-` binds it
/// to this host. It requires `Path=/`, with which browsers would send the token to all applications of the host, so a service at
/// a path of its own uses `__Secure-`, which only requires https (RFC 6265bis, section 4.1.3).
fn chosen(settings: &HttpSettings, [plain, of_host, secure]: [&'static str; 3]) -> &'static str {
    match (settings.secure_cookies, settings.public_path.is_empty()) {
        (false, _) => plain,
        (true, true) => of_host,
        (true, false) => secure,
    }
}

/// The name of the session's cookie. That of a domain can't have `__Host-`.
pub(crate) fn name(settings: &HttpSettings) -> &'static str {
    let of_host = if settings.cookie_domain.is_some() { "__Secure-kayan_session" } else { "__Host-kayan_session" };
    chosen(settings, ["kayan_session", of_host, "__Secure-kayan_session"])
}

/// The `Set-Cookie` value that stores the session token in a browser until it expires. It is the opaque one even where the service
/// issues JWTs, which can be larger than a browser takes.
pub(crate) fn issue(opened: &Opened, now: Timestamp, settings: &HttpSettings) -> String {
    let max_age = (opened.session.expires_at - now).whole_seconds().max(0);
    format!("{}={}{}", name(settings), &*opened.session_token.expose(), of_session(max_age, settings))
}

/// The `Set-Cookie` value that removes the session token from a browser.
pub(crate) fn revoke(settings: &HttpSettings) -> String {
    format!("{}={}", name(settings), of_session(0, settings))
}

/// The name of the cookie that a browser with a passkey ceremony or a login by a provider is recognised by.
pub(crate) fn browser_name(settings: &HttpSettings) -> &'static str {
    chosen(settings, ["kayan_ceremony", "__Host-kayan_ceremony", "__Secure-kayan_ceremony"])
}

/// The `Set-Cookie` value that recognises a browser for an hour.
pub(crate) fn recognise(browser: &Token, settings: &HttpSettings) -> String {
    format!("{}={}{}", browser_name(settings), &*browser.expose(), attributes(3600, settings))
}

/// The longest that browsers keep a cookie (RFC 6265bis, section 5.5): 400 days, in seconds.
const LONGEST: i64 = 400 * 24 * 60 * 60;

/// The name of the cookie that a device is known by.
pub(crate) fn device_name(settings: &HttpSettings) -> &'static str {
    chosen(settings, ["kayan_device", "__Host-kayan_device", "__Secure-kayan_device"])
}

/// The `Set-Cookie` value that a device is known by from now on, if a login has opened the session.
pub(crate) fn remember(opened: &Opened, settings: &HttpSettings) -> Option<String> {
    let token = opened.device.as_ref()?;
    Some(format!("{}={}{}", device_name(settings), &*token.expose(), attributes(LONGEST, settings)))
}

/// The attributes of the session's cookie, the only one that other hosts of a domain may get: with it a proxy in front of them
/// recognises their users, at whatever path.
fn of_session(max_age: i64, settings: &HttpSettings) -> String {
    match &settings.cookie_domain {
        Some(domain) => format!("{}; Domain={domain}", at_path("/", max_age, settings)),
        None => attributes(max_age, settings),
    }
}

fn attributes(max_age: i64, settings: &HttpSettings) -> String {
    let path = if settings.public_path.is_empty() { "/" } else { &settings.public_path };
    at_path(path, max_age, settings)
}

fn at_path(path: &str, max_age: i64, settings: &HttpSettings) -> String {
    let secure = if settings.secure_cookies { "; Secure" } else { "" };
    format!("; Path={path}; HttpOnly; SameSite=Lax; Max-Age={max_age}{secure}")
}

/// The values of a cookie in a `Cookie` header (RFC 6265bis, section 5.8.3). There is more than one if another host
/// of the domain has set its own.
pub(crate) fn read<'a>(header: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    header.split(';').filter_map(move |pair| pair.trim_start().strip_prefix(name)?.strip_prefix('='))
}
