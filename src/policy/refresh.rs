//! What a presented refresh token leads to (RFC 9700, section 4.14.2).

use std::time::Duration;

use kayan_ports::{Client, Refreshing, Spent, State, Timestamp};

/// What to do about a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// It is valid: spend it.
    Rotate,
    /// The same client spent it just now: return the same successor again.
    Repeat(&'a Spent),
    /// It was spent before, so it may be stolen: revoke the family.
    Reused,
    /// It is not valid.
    Refused,
}

/// Judges a refresh token presented by `client` (I-04). For as long as `window` after it was spent, to the microsecond, a
/// client of the same family may retry from any address: tabs race, and phones change their network. 0: not at all.
pub fn judge<'a>(known: &'a Refreshing, client: &Client, now: Timestamp, window: Duration) -> Verdict<'a> {
    if !known.session.active || now >= known.session.ends_at || known.identity.state != State::Active {
        return Verdict::Refused;
    }
    match &known.token.spent {
        Some(spent) if !window.is_zero() && now - spent.at <= window && same_family(&spent.client, client) => {
            Verdict::Repeat(spent)
        }
        Some(_) => Verdict::Reused,
        None if now >= known.token.expires_at => Verdict::Refused,
        None => Verdict::Rotate,
    }
}

/// Whether two user agents are the same but for their versions (RFC 9110, section 10.1.5): one may be updated in between.
fn same_family(one: &Client, other: &Client) -> bool {
    match (&one.user_agent, &other.user_agent) {
        (Some(one), Some(other)) => products(one).eq(products(other)),
        (one, other) => one == other,
    }
}

fn products(agent: &str) -> impl Iterator<Item = &str> {
    agent.split_ascii_whitespace().map(|word| word.split_once(['/', ':']).map_or(word, |(product, _)| product))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i_04_versions_make_no_other_family_and_products_do() {
        let client = |agent: &str| Client { ip: None, user_agent: Some(agent.to_owned()) };
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        for (one, other, same) in [
            (firefox, firefox, true),
            (firefox, "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0", true),
            (firefox, "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", false),
            (firefox, "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36", false),
            ("Shop/1.9 (iPhone)", "Shop/1.10 (iPhone)", true),
            ("Shop/1.9", "curl/8.5.0", false),
            ("Shop/1.9", "Shop/1.9 curl/8.5.0", false),
            ("", "curl/8.5.0", false),
        ] {
            assert_eq!(same_family(&client(one), &client(other)), same, "{one:?} {other:?}");
        }
        assert!(same_family(&Client::default(), &Client::default()));
        assert!(!same_family(&Client::default(), &client(firefox)));
    }
}
