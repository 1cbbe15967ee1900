//! What stands behind the `?` of a DSN.

use std::{path::PathBuf, time::Duration};

use super::{DsnError, Tls, decoded};

/// The options there are.
pub(super) const NAMES: &str = "tls, tls-ca, timeout, charset, collation, parseTime and loc";

/// The options of a DSN.
pub(super) struct Options {
    pub(super) tls: Tls,
    pub(super) ca: Option<PathBuf>,
    pub(super) timeout: Option<Duration>,
}

/// Reads `name=value&name=value`; values are percent-decoded. An unknown option is told by its name only if `named`.
pub(super) fn parse(text: &str, named: bool) -> Result<Options, DsnError> {
    let mut options = Options { tls: Tls::Off, ca: None, timeout: None };
    for (number, option) in (1..).zip(text.split('&').filter(|option| !option.is_empty())) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        if !take(&mut options, name, &decoded(value)?)? {
            return Err(DsnError::UnknownOption(if named { format!("{name:?}") } else { format!("number {number}") }));
        }
    }
    if options.ca.is_some() && options.tls != Tls::Verified {
        return Err(DsnError::CaUnused);
    }
    Ok(options)
}

/// Whether there is such an option.
fn take(options: &mut Options, name: &str, value: &str) -> Result<bool, DsnError> {
    let wrong = |option, allowed| Err(DsnError::UnknownValue { option, allowed });
    match name {
        "tls" => match (boolean(value), value) {
            (Some(true), _) => options.tls = Tls::Verified,
            (Some(false), _) => options.tls = Tls::Off,
            (None, "skip-verify") => options.tls = Tls::SkipVerify,
            (None, "preferred") => options.tls = Tls::Preferred,
            _ => return wrong("tls", "true, false, skip-verify or preferred"),
        },
        "tls-ca" if value.is_empty() => return wrong("tls-ca", "the path of a PEM file"),
        "tls-ca" => options.ca = Some(PathBuf::from(value)),
        "timeout" => match duration(value) {
            Some(timeout) => options.timeout = Some(timeout),
            None => return wrong("timeout", "a time such as 500ms or 2s"),
        },
        // What follows is written for drivers that leave it open. Here texts are always utf8mb4 and compared by their
        // bytes, and times are always read as such and in UTC, so only what says that, or nothing else, is taken.
        "charset" if value.split(',').next() == Some("utf8mb4") => {}
        "charset" => return wrong("charset", "utf8mb4"),
        "collation" if value.starts_with("utf8mb4_") => {}
        "collation" => return wrong("collation", "one of utf8mb4"),
        "parseTime" if boolean(value).is_some() => {}
        "parseTime" => return wrong("parseTime", "true or false"),
        "loc" if ["UTC", "Local"].contains(&value) => {}
        "loc" => return wrong("loc", "UTC: times are stored in it"),
        _ => return Ok(false),
    }
    Ok(true)
}

/// Yes or no in the spellings of Go's `strconv.ParseBool`, for which these options were first written.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// A whole number with its unit.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok().filter(|number| *number > 0)?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        _ => None,
    }
}
