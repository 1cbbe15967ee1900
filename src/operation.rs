//! Operates the service: health, metrics, profiles, cleanup.

pub(crate) mod check_factors;
pub(crate) mod check_health;
pub(crate) mod cleanup;
pub(crate) mod measure;
pub(crate) mod profile;
pub(crate) mod restore;
pub(crate) mod set_log_level;
pub(crate) mod watch_clock;
