//! The settings of sessions and their tokens.

use std::time::Duration;

use kayan_core::SessionJwts;
use kayan_ports::JwsAlgorithm;

use super::{DAY, MINUTE, SECOND, Section, YEAR};
use crate::config::{
    Sessions,
    problem::{Findings, Invalid},
    setting::Setting,
    values::Values,
};

/// Another replica's revocation takes effect within this time (I-22), so no session is cached for longer.
const LONGEST_CACHE: Duration = Duration::from_secs(5);

/// What session tokens are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strategy {
    /// Opaque: their meaning is in the database.
    Database,
    /// JWTs, which other services verify by themselves.
    Jwt,
}

const STRATEGY: Setting<Strategy> = Setting::choice(
    "KAYAN_SESSION_STRATEGY",
    "What session tokens are: opaque ones, or JWTs",
    &[("database", Strategy::Database), ("jwt", Strategy::Jwt)],
)
.or("database");
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
    Setting::duration("KAYAN_JWT_TTL", "Longest lifetime of a session token that is a JWT", &(SECOND, DAY)).or("15m");
const JWT_ALG: Setting<Option<JwsAlgorithm>> = Setting::choice(
    "KAYAN_JWT_ALG",
    "Algorithm of session tokens that are JWTs; HS256 signs with KAYAN_JWT_SECRET",
    &[
        ("HS256", None),
        ("EdDSA", Some(JwsAlgorithm::EdDsa)),
        ("ES256", Some(JwsAlgorithm::Es256)),
        ("RS256", Some(JwsAlgorithm::Rs256)),
    ],
)
.or("HS256");

pub(super) const SECTION: Section = Section {
    title: "Sessions",
    settings: &[&STRATEGY, &TTL, &REFRESH_TTL, &REFRESH_REUSE_WINDOW, &MAX_TTL, &CACHE_TTL, &JWT_TTL, &JWT_ALG],
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

/// How session tokens are written as JWTs; `None`: they are opaque.
pub(crate) fn jwts(values: &Values) -> Option<SessionJwts> {
    (values.find(&STRATEGY)? == Strategy::Jwt)
        .then(|| SessionJwts { ttl: values.get(&JWT_TTL), algorithm: values.find(&JWT_ALG).flatten() })
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
