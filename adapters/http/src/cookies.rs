//! The session cookie (RFC 6265bis).

use kayan_core::Opened;
use kayan_ports::Timestamp;

/// The cookie's name, plain or with the prefix that binds it to this host over https.
pub(crate) fn name(secure: bool) -> &'static str {
    if secure { "__Host-kayan_session" } else { "kayan_session" }
}

/// The `Set-Cookie` value that hands the session token to a browser until it expires.
pub(crate) fn issue(opened: &Opened, now: Timestamp, secure: bool) -> String {
    let max_age = (opened.session.expires_at - now).whole_seconds().max(0);
    format!("{}={}{}", name(secure), &*opened.session_token.expose(), attributes(max_age, secure))
}

/// The `Set-Cookie` value that takes the session token away from a browser.
pub(crate) fn revoke(secure: bool) -> String {
    format!("{}={}", name(secure), attributes(0, secure))
}

fn attributes(max_age: i64, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age}{secure}")
}

/// The values of the session cookie in a `Cookie` header (RFC 6265bis, section 5.8.3); more than one when a neighbour on
/// the domain has planted its own.
pub(crate) fn read<'a>(header: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    header.split(';').filter_map(move |pair| pair.trim_start().strip_prefix(name)?.strip_prefix('='))
}
