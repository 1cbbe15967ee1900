//! What a presented refresh token leads to (RFC 9700, section 4.14.2).

use kayan_ports::{Client, Refreshing, Spent, State, Timestamp};
use time::Duration;

/// How long after a rotation the same client may retry it: tabs and mobile networks race.
pub const RETRY: Duration = Duration::seconds(10);

/// What to do about a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// It is good: spend it.
    Rotate,
    /// It was spent just now by this client: hand out the same successor again.
    Repeat(&'a Spent),
    /// It was spent before: somebody has stolen it. Revoke the family.
    Reused,
    /// It opens nothing.
    Refused,
}

/// Judges a refresh token presented by `client` (I-04).
pub fn judge<'a>(known: &'a Refreshing, client: &Client, now: Timestamp) -> Verdict<'a> {
    if !known.session.active || now >= known.session.ends_at || known.identity.state != State::Active {
        return Verdict::Refused;
    }
    match &known.token.spent {
        Some(spent) if spent.client == *client && now - spent.at <= RETRY => Verdict::Repeat(spent),
        Some(_) => Verdict::Reused,
        None if now >= known.token.expires_at => Verdict::Refused,
        None => Verdict::Rotate,
    }
}
