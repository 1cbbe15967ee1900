//! When issuer keys are published, sign, and are retired.

use std::time::Duration;

use kayan_ports::{IssuerKeyState, JwsAlgorithm, Timestamp};

/// The algorithm of JWTs where none is named: its keys and signatures are small, and nearly every verifier knows it.
pub const DEFAULT_ALGORITHM: JwsAlgorithm = JwsAlgorithm::Es256;
/// The algorithm of the keys that sign biscuits: all libraries know it.
pub const BISCUIT_ALGORITHM: JwsAlgorithm = JwsAlgorithm::EdDsa;
/// How long verifiers may cache the published keys.
pub const CACHED: Duration = Duration::from_mins(5);
/// How long a key is published before it signs: verifiers that cache keys have read it by then.
pub const PUBLISHED: Duration = Duration::from_mins(10);
/// The longest lifetime of a token that is signed with an issuer key.
pub const LONGEST_TOKEN: Duration = Duration::from_hours(24);
/// How long a key is published after it has signed last: longer than any token lives.
pub const RETAINED: Duration = Duration::from_hours(25);

/// When a key that is in this state since then is to leave it, if keys are replaced at this age; `None`: never.
///
/// A key becomes `active` when another has been `next` for [`PUBLISHED`], so that one is made this long before the age.
pub fn ends(state: IssuerKeyState, since: Timestamp, rotation: Duration) -> Option<Timestamp> {
    Some(since.saturating_add(span(state, rotation)?))
}

/// A key in this state is due if it is in it since then, or longer.
pub fn cutoff(state: IssuerKeyState, now: Timestamp, rotation: Duration) -> Option<Timestamp> {
    let span = match state {
        IssuerKeyState::Active => self::span(state, rotation)?.saturating_sub(span_of(PUBLISHED)),
        _ => self::span(state, rotation)?,
    };
    Some(now.saturating_sub(span))
}

fn span(state: IssuerKeyState, rotation: Duration) -> Option<time::Duration> {
    match state {
        IssuerKeyState::Next => Some(span_of(PUBLISHED)),
        IssuerKeyState::Active => Some(span_of(rotation)),
        IssuerKeyState::Retiring => Some(span_of(RETAINED)),
        IssuerKeyState::Retired => None,
    }
}

fn span_of(duration: Duration) -> time::Duration {
    time::Duration::try_from(duration).unwrap_or(time::Duration::MAX)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: Timestamp = datetime!(2026-04-01 12:00 UTC);
    const ROTATION: Duration = Duration::from_hours(90 * 24);

    #[test]
    fn a_key_is_published_longer_than_it_is_cached_before_it_signs() {
        assert!(PUBLISHED > CACHED);
        assert_eq!(cutoff(IssuerKeyState::Next, NOW, ROTATION), Some(datetime!(2026-04-01 11:50 UTC)));
    }

    #[test]
    fn a_key_is_published_until_its_longest_token_has_ended() {
        assert!(RETAINED > LONGEST_TOKEN);
        assert_eq!(cutoff(IssuerKeyState::Retiring, NOW, ROTATION), Some(datetime!(2026-03-31 11:00 UTC)));
    }

    #[test]
    fn the_next_key_is_made_in_time_to_sign_when_the_active_one_is_old() {
        let due = cutoff(IssuerKeyState::Active, NOW, ROTATION).unwrap();
        assert_eq!(due, datetime!(2026-01-01 12:10 UTC));
        assert_eq!(ends(IssuerKeyState::Active, due, ROTATION), Some(NOW + span_of(PUBLISHED)));
    }

    #[test]
    fn a_retired_key_stays_retired() {
        assert_eq!(cutoff(IssuerKeyState::Retired, NOW, ROTATION), None);
        assert_eq!(ends(IssuerKeyState::Retired, NOW, ROTATION), None);
    }
}
