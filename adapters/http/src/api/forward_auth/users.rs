//! The users of forwarded requests and the headers about them, cached as they are sent: it is a hot path.

use std::{fmt::Write as _, sync::Arc};

use kayan_core::ForwardedUser;
use kayan_ports::SessionId;
use poem::http::HeaderValue;
use quick_cache::sync::Cache;

/// How many users are cached, of about a kilobyte each.
const CAPACITY: usize = 10_000;

/// The values of `Remote-User`, `Remote-Email` and `Remote-Groups`. All three are always sent, so that a proxy that copies them
/// never leaves one of the client's own in place.
pub(super) type About = [HeaderValue; 3];

/// A user, and the headers that were written about them.
#[derive(Clone)]
struct Known {
    user: Arc<ForwardedUser>,
    about: About,
}

/// The latest users, by session. Clones share them.
#[derive(Clone)]
pub(crate) struct ForwardedUsers(Arc<Cache<SessionId, Known>>);

impl Default for ForwardedUsers {
    fn default() -> Self {
        Self(Arc::new(Cache::new(CAPACITY)))
    }
}

impl ForwardedUsers {
    /// The user whom the last request of a session had.
    pub(super) fn known(&self, session: SessionId) -> Option<Arc<ForwardedUser>> {
        self.0.get(&session).map(|known| known.user)
    }

    /// The headers about a user: the cached ones if they were written about this very object.
    pub(super) fn about(&self, user: &Arc<ForwardedUser>) -> About {
        match self.0.get(&user.session()) {
            Some(known) if Arc::ptr_eq(&known.user, user) => known.about,
            _ => {
                let about = about(user);
                self.0.insert(user.session(), Known { user: user.clone(), about: about.clone() });
                about
            }
        }
    }
}

fn about(user: &ForwardedUser) -> About {
    [&user.name, user.email.as_deref().unwrap_or_default(), &user.roles.join(",")].map(value)
}

/// A text as a header's value: UTF-8, in which all bytes but those of visible ASCII characters, and `%` itself, are
/// percent-encoded (RFC 3986, section 2.1). So no two texts have the same value.
fn value(text: &str) -> HeaderValue {
    let mut value = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            value.push(char::from(byte));
        } else {
            // Writing to a string can't fail.
            let _written = write!(value, "%{byte:02X}");
        }
    }
    HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_a_header_of_its_own() {
        for (text, expected) in [
            ("ada", "ada"),
            ("ada+kayan@example.com", "ada+kayan@example.com"),
            ("jörg", "j%C3%B6rg"),
            ("j%C3%B6rg", "j%25C3%25B6rg"),
            ("a\r\nRemote-Groups: admin", "a%0D%0ARemote-Groups:%20admin"),
            ("\u{0}\u{7f} ", "%00%7F%20"),
            ("", ""),
        ] {
            assert_eq!(value(text), expected, "{text:?}");
        }
    }
}
