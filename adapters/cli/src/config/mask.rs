//! Showing values without showing secrets.

/// What of a value may not be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mask {
    /// Nothing but the password of a URL.
    Nothing,
    /// The password of a connection string.
    Password,
    /// Everything.
    Everything,
}

/// Replaces a secret.
pub(crate) const REDACTED: &str = "[redacted]";

/// Names of parameters in connection strings whose values are secrets.
const SECRET_PARAMETERS: [&str; 9] =
    ["password", "passwd", "pass", "pwd", "sslpassword", "key", "hexkey", "token", "secret"];

/// A value as it may be printed: no secret, and URLs and connection strings without their passwords.
pub(crate) fn shown(mask: Mask, text: &str) -> String {
    if mask == Mask::Everything {
        return REDACTED.to_owned();
    }
    let has_password = mask == Mask::Password || text.contains("://");
    let text = if has_password { without_password(text) } else { text.to_owned() };
    // only a path or a list is ever longer
    match text.char_indices().nth(200) {
        Some((cut, _)) => format!("{}…", text.get(..cut).unwrap_or_default()),
        None => text,
    }
}

/// Takes the password out of `scheme://user:password@…`, `user:password@tcp(…)` and `password=…`.
///
/// Everything up to the last `@` counts as user and password, so that an unescaped `@`, `/` or `?` in a password
/// hides too much rather than too little.
fn without_password(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = text.split_at(start);
    let rest = match rest.rsplit_once('@') {
        Some((login, place)) => match login.split_once(':') {
            Some((user, _)) => format!("{user}:{REDACTED}@{place}"),
            None => rest.to_owned(),
        },
        None => rest.to_owned(),
    };
    format!("{scheme}{}", without_secret_parameters(&rest))
}

fn without_secret_parameters(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut quoted = false;
    for part in text.split_inclusive(['&', '?', ' ', ';']) {
        let (value, end) = match part.char_indices().last() {
            Some((at, '&' | '?' | ' ' | ';')) => part.split_at(at),
            _ => (part, ""),
        };
        match value.split_once('=') {
            // 'a quoted value' goes on until its closing quote
            _ if quoted => quoted = !value.ends_with('\''),
            Some((name, secret)) if SECRET_PARAMETERS.contains(&name.to_ascii_lowercase().as_str()) => {
                quoted = secret.starts_with('\'') && (secret.len() == 1 || !secret.ends_with('\''));
                out.extend([name, "=", REDACTED, end]);
            }
            _ => out.push_str(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_masked_in_every_form_of_connection_string() {
        for (dsn, masked) in [
            (
                "postgres://user:hunter2@localhost:5432/kayan?sslmode=require",
                "postgres://user:[redacted]@localhost:5432/kayan?sslmode=require",
            ),
            ("postgres://u:hunter2@@/?#hunter2@db/kayan", "postgres://u:[redacted]@db/kayan"),
            ("postgres://db/kayan?user=u&password=hunter2&x=1", "postgres://db/kayan?user=u&password=[redacted]&x=1"),
            ("mysql://user:hunter2@localhost/kayan", "mysql://user:[redacted]@localhost/kayan"),
            (
                "user:hunter2@tcp(localhost:3306)/kayan?parseTime=true",
                "user:[redacted]@tcp(localhost:3306)/kayan?parseTime=true",
            ),
            ("u:hunter2:@x@unix(/run/my.sock)/kayan", "u:[redacted]@unix(/run/my.sock)/kayan"),
            ("host=db user=u password=hunter2 dbname=kayan", "host=db user=u password=[redacted] dbname=kayan"),
            ("host=db password='hunter2 hunter2 x' dbname=kayan", "host=db password=[redacted] dbname=kayan"),
            ("file:kayan.db?cache=shared&mode=rwc", "file:kayan.db?cache=shared&mode=rwc"),
            ("file:kayan.db?key=hunter2", "file:kayan.db?key=[redacted]"),
            (":memory:", ":memory:"),
        ] {
            assert_eq!(shown(Mask::Password, dsn), masked);
            assert!(!shown(Mask::Password, dsn).contains("hunter2"));
        }
    }

    #[test]
    fn urls_keep_everything_but_their_password() {
        assert_eq!(shown(Mask::Nothing, "redis://:hunter2@cache:6379/1"), "redis://:[redacted]@cache:6379/1");
        assert_eq!(shown(Mask::Nothing, "redis://cache:6379/1"), "redis://cache:6379/1");
        assert_eq!(shown(Mask::Nothing, "https://a:hunter2@b"), "https://a:[redacted]@b");
        assert_eq!(shown(Mask::Nothing, "https://b/x?token=hunter2&y=1"), "https://b/x?token=[redacted]&y=1");
    }

    #[test]
    fn secrets_are_never_shown_and_long_values_are_cut() {
        assert_eq!(shown(Mask::Everything, "hunter2"), REDACTED);
        assert_eq!(shown(Mask::Everything, "{\"client_secret\":\"hunter2\"}"), REDACTED);
        assert_eq!(shown(Mask::Nothing, &"ä".repeat(500)).chars().count(), 201);
    }
}
