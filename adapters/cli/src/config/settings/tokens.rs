//! The settings of JWTs, and of the keys that sign JWTs and biscuits.

use std::time::Duration;

use super::{DAY, Section, YEAR};
use crate::config::{setting::Setting, values::Values};

const KEY_ROTATION: Setting<Duration> =
    Setting::duration("KAYAN_KEY_ROTATION", "Age at which keys that sign JWTs and biscuits are replaced", &(DAY, YEAR))
        .or("90d");

pub(super) const SECTION: Section = Section { title: "Tokens", settings: &[&KEY_ROTATION] };

/// The age at which keys that sign JWTs and biscuits are replaced.
pub(crate) fn key_rotation(values: &Values) -> Duration {
    values.find(&KEY_ROTATION).unwrap_or(YEAR)
}
