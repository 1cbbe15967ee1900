//! The settings of sessions and their tokens.

use std::time::Duration;

use super::{DAY, MINUTE, SECOND, Section, YEAR};
use crate::config::{
    Sessions,
    problem::{Findings, Invalid},
    setting::Setting,
    values::Values,
};

/// Another replica's revocation takes effect within this time (I-22), so no session is cached for longer.
const LONGEST_CACHE: Duration = Duration::from_secs(5);

/// How sessions are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Strategy {
    /// In the database, under opaque tokens.
    Database,
    /// In signed tokens.
    Jwt,
}

pub(super) const STRATEGY: Setting<Strategy> = Setting::choice(
    "KAYAN_SESSION_STRATEGY",
    "Session strategy",
    &[("database", Strategy::Database), ("jwt", Strategy::Jwt)],
)
.or("database")
.not_yet(ISSUE_JWTS);
const TTL: Setting<Duration> =
    Setting::duration("KAYAN_SESSION_TTL", "Lifetime of a session token", &(SECOND, YEAR)).or("24h");
const REFRESH_TTL: Setting<Duration> =
    Setting::duration("KAYAN_REFRESH_TTL", "Lifetime of a refresh token", &(SECOND, YEAR)).or("168h");
const REFRESH_REUSE_WINDOW: Setting<Duration> = Setting::duration(
    "KAYAN_REFRESH_REUSE_WINDOW",
    "How long a used refresh token may be sent again; 0 allows no retry",
    &(Duration::ZERO, MINUTE),
)
.or("10s");
const MAX_TTL: Setting<Duration> =
    Setting::duration("KAYAN_SESSION_MAX_TTL", "Lifetime of a session, however often refreshed", &(SECOND, YEAR))
        .or("720h");
const CACHE_TTL: Setting<Duration> = Setting::duration(
    "KAYAN_SESSION_CACHE_TTL",
    "How long a session is cached; 0 disables the cache",
    &(Duration::ZERO, LONGEST_CACHE),
)
.or("5s");
const JWT_TTL: Setting<Duration> =
    Setting::duration("KAYAN_JWT_TTL", "Lifetime of an access JWT", &(SECOND, DAY)).or("15m").not_yet(ISSUE_JWTS);

/// What the settings of JWTs are for.
pub(super) const ISSUE_JWTS: &str = "issue JWTs";

pub(super) const SECTION: Section = Section {
    title: "Sessions",
    settings: &[&STRATEGY, &TTL, &REFRESH_TTL, &REFRESH_REUSE_WINDOW, &MAX_TTL, &CACHE_TTL, &JWT_TTL],
};

/// Refuses tokens that would outlive their session.
pub(crate) fn check(values: &Values, findings: &mut Findings) {
    let end = values.get(&MAX_TTL);
    for setting in [TTL, REFRESH_TTL] {
        if values.given(&setting).is_some() && values.get(&setting) > end && !end.is_zero() {
            let hint = "shorten it, or raise KAYAN_SESSION_MAX_TTL";
            findings.reject(values, setting.name, Invalid::new("is longer than KAYAN_SESSION_MAX_TTL", hint));
        }
    }
}

/// The sessions of the configuration.
pub(crate) fn read(values: &Values) -> Sessions {
    Sessions {
        ttl: values.get(&TTL),
        refresh_ttl: values.get(&REFRESH_TTL),
        refresh_reuse_window: values.get(&REFRESH_REUSE_WINDOW),
        max_ttl: values.get(&MAX_TTL),
        cache_ttl: values.get(&CACHE_TTL),
    }
}
