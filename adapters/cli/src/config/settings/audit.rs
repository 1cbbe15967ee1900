//! The settings of the audit trail.

use std::time::Duration;

use super::{CENTURY, DAY, Section};
use crate::config::{
    AuditLog, files,
    load::Inputs,
    problem::{Findings, Invalid},
    setting::Setting,
    values::Values,
};

pub(crate) const LOG: Setting<AuditLog> = Setting::parsed(
    "KAYAN_AUDIT_LOG",
    "File that audit events are also written to, as JSON lines; or stdout",
    |text| Ok(if text == "stdout" { AuditLog::Stdout } else { AuditLog::File(text.into()) }),
);
pub(crate) const RETENTION: Setting<Duration> = Setting::duration(
    "KAYAN_AUDIT_RETENTION",
    "Age at which audit events are purged; 0 keeps them forever",
    &(Duration::ZERO, CENTURY),
);

pub(super) const SECTION: Section = Section { title: "Audit", settings: &[&LOG, &RETENTION] };

/// Refuses a retention so short that a typing mistake would delete the trail, and a log that can't be written.
pub(crate) fn check(values: &Values, inputs: &Inputs<'_>, findings: &mut Findings) {
    let retention = values.get(&RETENTION);
    if !retention.is_zero() && retention < DAY {
        let hint = "use a day or more, as in 2160h, or 0 to keep events forever";
        findings.reject(values, RETENTION.name, Invalid::new("is shorter than a day", hint));
    }
    if let Some(AuditLog::File(path)) = values.find(&LOG).filter(|_| inputs.files)
        && let Err(invalid) = files::writable(&inputs.folder.join(path))
    {
        findings.reject(values, LOG.name, invalid);
    }
}
