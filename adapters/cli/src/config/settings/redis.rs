//! The settings of Redis.

use secrecy::SecretString;

use super::{Section, limits};
use crate::config::{
    Redis,
    load::Inputs,
    problem::{Findings, Invalid},
    setting::Setting,
    values::Values,
};

pub(crate) const URL: Setting<SecretString> = Setting::connection("KAYAN_REDIS_URL", "Redis connection URL");
pub(crate) const POOL_SIZE: Setting<usize> =
    Setting::number("KAYAN_REDIS_POOL_SIZE", "Connection pool size", &(1, 1_000)).or("10");
pub(crate) const SESSION_URL: Setting<SecretString> =
    Setting::connection("KAYAN_REDIS_SESSION_URL", "A separate Redis for sessions").computed("KAYAN_REDIS_URL");

pub(super) const SECTION: Section = Section { title: "Redis", settings: &[&URL, &POOL_SIZE, &SESSION_URL] };

/// Refuses a Redis that this build does not support or whose URL is invalid; warns of rate limits without one.
pub(crate) fn check(values: &Values, inputs: &Inputs<'_>, findings: &mut Findings) {
    for setting in [URL, SESSION_URL] {
        let Some(url) = values.given(&setting) else { continue };
        let Some(validate) = inputs.validators.redis.filter(|_| inputs.backends.contains(&"redis")) else {
            let hint = "unset it, or build with: cargo build -p kayan --release --features redis";
            findings.reject(values, setting.name, Invalid::new("redis is not available in this build", hint));
            continue;
        };
        if let Err(why) = validate(url, inputs.files) {
            findings.reject(values, setting.name, Invalid::from_message(&why));
        }
    }
    if values.get(&limits::ENABLED) && values.given(&URL).is_none() {
        findings.warn(URL.name, "is not set: each replica counts its rate limits by itself");
    }
}

/// The Redis of the configuration.
pub(crate) fn read(values: &Values) -> Redis {
    let url = values.find(&URL);
    Redis { session_url: values.find(&SESSION_URL).or_else(|| url.clone()), url, pool_size: values.get(&POOL_SIZE) }
}
