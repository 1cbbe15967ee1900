//! The settings of passwords and their hashes.

use kayan_core::PasswordSettings;
use kayan_ports::HashFormat;
use url::Url;

use super::Section;
use crate::config::{
    Hashing, parse,
    problem::{Findings, Invalid},
    setting::Setting,
    values::{Source, Values},
};

/// The cost of bcrypt is a setting of its own.
pub(crate) const HASHER: Setting<HashFormat> = Setting::choice(
    "KAYAN_PASSWORD_HASHER",
    "Format of new password hashes",
    &[("bcrypt", HashFormat::Bcrypt { cost: 0 }), ("argon2id", HashFormat::Argon2id), ("scrypt", HashFormat::Scrypt)],
)
.or("bcrypt");
pub(crate) const BCRYPT_COST: Setting<u32> =
    Setting::number("KAYAN_BCRYPT_COST", "Bcrypt cost factor", &(4, 20)).or("10");
pub(crate) const MIN_LENGTH: Setting<usize> =
    Setting::number("KAYAN_PASSWORD_MIN_LENGTH", "Shortest password, in characters", &(8, 64)).or("8");
pub(crate) const MIN_SCORE: Setting<u8> =
    Setting::number("KAYAN_PASSWORD_MIN_SCORE", "Lowest zxcvbn score of a password", &(0, 4)).or("2");
pub(crate) const BREACH_URL: Setting<Url> = Setting::parsed(
    "KAYAN_PASSWORD_BREACH_URL",
    "Range endpoint of breached passwords; the first 5 digits of a hash are added",
    parse::bare_url,
);
pub(crate) const BREACH_CHECK: Setting<bool> =
    Setting::switch("KAYAN_PASSWORD_BREACH_CHECK", "Refuse breached passwords in every tenant").or("false");
const CONCURRENCY: Setting<usize> =
    Setting::number("KAYAN_HASH_CONCURRENCY", "Hashing threads", &(1, 256)).computed("one per core");
const QUEUE: Setting<usize> =
    Setting::number("KAYAN_HASH_QUEUE", "Hashes that may wait; more are refused with 503", &(1, 100_000)).or("256");

pub(super) const SECTION: Section = Section {
    title: "Passwords",
    settings: &[&HASHER, &BCRYPT_COST, &MIN_LENGTH, &MIN_SCORE, &BREACH_URL, &BREACH_CHECK, &CONCURRENCY, &QUEUE],
};

/// Warns of cheap hashes in production.
pub(crate) fn check(values: &Values, findings: &mut Findings) {
    if values.production() && matches!(hash_format(values), HashFormat::Bcrypt { cost } if cost < 10) {
        findings.warn(BCRYPT_COST.name, "below 10, hashes are cheap to guess at");
    }
    if values.find(&BREACH_CHECK) == Some(true) && values.text(&BREACH_URL).is_none() {
        let hint = "set that to the endpoint to ask, or this to false";
        findings.reject(values, BREACH_CHECK.name, Invalid::new("needs KAYAN_PASSWORD_BREACH_URL", hint));
    }
}

/// Takes one hashing thread per core unless the number is set.
pub(crate) fn fill_concurrency(values: &mut Values) {
    if values.text(&CONCURRENCY).is_none() {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        values.fill(&CONCURRENCY, cores.to_string(), Source::Default);
    }
}

/// The hashing of the configuration.
pub(crate) fn read(values: &Values) -> Hashing {
    Hashing { format: hash_format(values), threads: values.get(&CONCURRENCY), queue: values.get(&QUEUE) }
}

/// What is asked of passwords in every tenant.
pub(crate) fn asked(values: &Values) -> PasswordSettings {
    PasswordSettings {
        min_length: values.get(&MIN_LENGTH),
        min_score: values.get(&MIN_SCORE),
        breach_check: values.get(&BREACH_CHECK),
    }
}

fn hash_format(values: &Values) -> HashFormat {
    match values.find(&HASHER) {
        Some(HashFormat::Bcrypt { .. }) | None => HashFormat::Bcrypt { cost: values.get(&BCRYPT_COST) },
        Some(other) => other,
    }
}
