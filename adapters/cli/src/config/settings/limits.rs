//! The settings of rate limits.

use std::time::Duration;

use kayan_core::RateLimits;
use kayan_ports::RateLimit;

use super::{DAY, SECOND, Section};
use crate::config::{setting::Setting, values::Values};

pub(super) const ENABLED: Setting<bool> =
    Setting::switch("KAYAN_RATE_LIMIT_ENABLED", "Enable rate limiting").or("false");
const REQUESTS: Setting<u32> =
    Setting::number("KAYAN_RATE_LIMIT_REQUESTS", "Requests per window and client", &(1, 1_000_000)).or("100");
const LOGIN_REQUESTS: Setting<u32> =
    Setting::number("KAYAN_RATE_LIMIT_LOGIN_REQUESTS", "Logins per window and identifier", &(1, 1_000_000))
        .computed("KAYAN_RATE_LIMIT_REQUESTS");
const REGISTRATION_REQUESTS: Setting<u32> =
    Setting::number("KAYAN_RATE_LIMIT_REGISTRATION_REQUESTS", "Registrations per window and client", &(1, 1_000_000))
        .computed("KAYAN_RATE_LIMIT_REQUESTS");
const WINDOW: Setting<Duration> = Setting::duration("KAYAN_RATE_LIMIT_WINDOW", "Time window", &(SECOND, DAY)).or("60s");

pub(super) const SECTION: Section = Section {
    title: "Rate limiting",
    settings: &[&ENABLED, &REQUESTS, &LOGIN_REQUESTS, &REGISTRATION_REQUESTS, &WINDOW],
};

/// The rate limits of the configuration.
pub(crate) fn read(values: &Values) -> RateLimits {
    if !values.get(&ENABLED) {
        return RateLimits::default();
    }
    let (all, window) = (values.get(&REQUESTS), values.get(&WINDOW));
    let limit = |name, requests: Option<u32>| Some(RateLimit { name, requests: requests.unwrap_or(all), window });
    RateLimits {
        ip: limit("ip", None),
        login: limit("login", values.find(&LOGIN_REQUESTS)),
        registration: limit("registration", values.find(&REGISTRATION_REQUESTS)),
    }
}
