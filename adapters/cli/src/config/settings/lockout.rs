//! The settings of account lockout.

use std::time::Duration;

use kayan_core::LockoutSettings;
use kayan_ports::Lockout;

use super::{SECOND, Section, YEAR};
use crate::config::{setting::Setting, values::Values};

const ENABLED: Setting<bool> = Setting::switch("KAYAN_LOCKOUT_ENABLED", "Enable account lockout").or("false");
const MAX_FAILURES: Setting<u32> =
    Setting::number("KAYAN_LOCKOUT_MAX_FAILURES", "Max failed attempts", &(1, 1_000)).or("5");
const DURATION: Setting<Duration> =
    Setting::duration("KAYAN_LOCKOUT_DURATION", "Lockout duration", &(SECOND, YEAR)).or("15m");
const KNOWN_NETWORKS: Setting<bool> = Setting::switch(
    "KAYAN_LOCKOUT_KNOWN_NETWORKS",
    "Count failures from networks and devices where the account has logged in separately",
)
.or("true");

pub(super) const SECTION: Section =
    Section { title: "Account lockout", settings: &[&ENABLED, &MAX_FAILURES, &DURATION, &KNOWN_NETWORKS] };

/// The lockout of the configuration; `None` when it is disabled.
pub(crate) fn read(values: &Values) -> Option<LockoutSettings> {
    values.get(&ENABLED).then(|| LockoutSettings {
        lockout: Lockout { name: "login", max_failures: values.get(&MAX_FAILURES), duration: values.get(&DURATION) },
        known_origins_apart: values.get(&KNOWN_NETWORKS),
    })
}
