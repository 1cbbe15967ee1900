//! Every setting there is, a file a section.

pub(crate) mod audit;
pub(crate) mod database;
pub(crate) mod forward_auth;
pub(crate) mod general;
pub(crate) mod http;
pub(crate) mod limits;
pub(crate) mod lockout;
pub(crate) mod mail;
pub(crate) mod oidc;
pub(crate) mod passkeys;
pub(crate) mod passwords;
pub(crate) mod redis;
pub(crate) mod secrets;
pub(crate) mod sessions;
pub(crate) mod sms;
pub(crate) mod tokens;
pub(crate) mod traces;

use std::time::Duration;

use super::setting::AnySetting;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);
const YEAR: Duration = Duration::from_hours(8760);
const CENTURY: Duration = Duration::from_hours(876_000);

/// The settings of one part of the service.
pub(crate) struct Section {
    /// The heading in the help.
    pub(crate) title: &'static str,
    /// In the order of the help.
    pub(crate) settings: &'static [&'static dyn AnySetting],
}

/// Every section, in the order of the help.
pub(crate) const SECTIONS: &[Section] = &[
    general::SECTION,
    http::SECTION,
    database::SECTION,
    redis::SECTION,
    secrets::SECTION,
    passwords::SECTION,
    sessions::SECTION,
    tokens::SECTION,
    limits::SECTION,
    lockout::SECTION,
    mail::SECTION,
    sms::SECTION,
    oidc::SECTION,
    passkeys::SECTION,
    forward_auth::SECTION,
    audit::SECTION,
    traces::SECTION,
];

/// Every setting, in the order of the help.
pub(crate) fn all() -> impl Iterator<Item = &'static dyn AnySetting> {
    SECTIONS.iter().flat_map(|section| section.settings).copied()
}

/// Whether there is a setting of that name.
pub(crate) fn is_known(name: &str) -> bool {
    all().any(|setting| setting.spec().name == name)
}

/// The known name that is most like an unknown one, if one is similar.
pub(crate) fn nearest(name: &str) -> Option<&'static str> {
    let near = |known: &'static str| (strsim::damerau_levenshtein(name, known), known);
    let (distance, known) = all().map(|setting| near(setting.spec().name)).min_by_key(|(distance, _)| *distance)?;
    (distance <= 4).then_some(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_value_that_its_setting_allows() {
        for setting in all() {
            for text in [false, true].into_iter().filter_map(|production| setting.spec().default_in(production)) {
                assert_eq!(setting.check(text), Ok(()), "{}", setting.spec().name);
            }
        }
    }

    #[test]
    fn no_two_settings_have_the_same_name() {
        let mut names: Vec<&str> = all().map(|setting| setting.spec().name).collect();
        names.sort_unstable();
        assert!(names.is_sorted_by(|one, next| one < next), "{names:?}");
    }
}
