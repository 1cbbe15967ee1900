//! How long sessions and their tokens live.

use std::time::Duration;

use kayan_ports::{Identity, Session, State, Timestamp};

/// The lifetimes that can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// Of an access token.
    pub session: Duration,
    /// Of a refresh token.
    pub refresh: Duration,
    /// Of a session, however often it is refreshed (I-24).
    pub absolute: Duration,
}

/// When tokens issued at one moment expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry {
    /// The access token.
    pub session: Timestamp,
    /// The refresh token.
    pub refresh: Timestamp,
}

impl Lifetimes {
    /// The absolute end of a session opened now.
    pub fn end(&self, now: Timestamp) -> Timestamp {
        now + self.absolute
    }

    /// When tokens issued now expire, in a session that ends at `ends_at`.
    ///
    /// **Invariant**: neither lies beyond the session's absolute end (I-24).
    pub fn expiry(&self, now: Timestamp, ends_at: Timestamp) -> Expiry {
        Expiry { session: ends_at.min(now + self.session), refresh: ends_at.min(now + self.refresh) }
    }
}

/// Whether a session is valid now. It ends at its expiry, to the microsecond (I-02), or when it is revoked or its owner is no
/// longer active (I-11).
pub fn is_live(session: &Session, identity: &Identity, now: Timestamp) -> bool {
    session.active && now < session.expires_at && now < session.ends_at && identity.state == State::Active
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::{Duration as Span, macros::datetime};

    const NOW: Timestamp = datetime!(2026-01-01 00:00 UTC);

    fn lifetimes() -> Lifetimes {
        Lifetimes {
            session: Duration::from_hours(24),
            refresh: Duration::from_hours(168),
            absolute: Duration::from_hours(720),
        }
    }

    #[test]
    fn i_24_no_refresh_passes_the_absolute_end() {
        let end = lifetimes().end(NOW);
        let late = end - Span::hours(1);
        assert_eq!(lifetimes().expiry(late, end), Expiry { session: end, refresh: end });
        assert_eq!(lifetimes().expiry(NOW, end).session, NOW + Span::hours(24));
    }
}
