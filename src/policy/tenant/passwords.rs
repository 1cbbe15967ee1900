//! What a tenant asks of passwords, and how it adds to what the service asks.

use std::ops::RangeInclusive;

use kayan_ports::{TenantSettings, Timestamp};

use super::outside;
use crate::{
    FieldError,
    policy::password::{MOST_HISTORY, Rules},
};

/// The shortest password, in characters: of fewer, NIST SP 800-63B-4 takes none.
const MIN_LENGTH: RangeInclusive<u64> = 8..=128;
/// NIST SP 800-63B-4 asks to take at least this many characters.
const LEAST_MAX_LENGTH: u64 = 64;
/// How hard a password is to guess.
const SCORE: RangeInclusive<u64> = 0..=4;
/// After how many days a password is too old; 0: never. Ten years.
const MAX_AGE_DAYS: RangeInclusive<u64> = 0..=3_650;

/// What the service asks of passwords in every tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordSettings {
    /// The fewest characters.
    pub min_length: usize,
    /// The lowest score of how hard a password is to guess, 0 to 4.
    pub min_score: u8,
    /// Whether a new password must not be known from a breach.
    pub breach_check: bool,
}

impl Default for PasswordSettings {
    fn default() -> Self {
        Self { min_length: 8, min_score: 2, breach_check: false }
    }
}

/// What limits the settings of a tenant.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// What the service asks of passwords.
    pub passwords: PasswordSettings,
    /// The most bytes of a password that the hash format takes whole.
    pub max_bytes: usize,
    /// Whether the service can find out if a password is known from a breach.
    pub knows_breaches: bool,
    /// Whether the service sends mail, by which users set a new password.
    pub sends_mail: bool,
}

/// The rules for new passwords in a tenant. Its settings add to those of the service, which hold in any case.
pub fn password_rules(service: &PasswordSettings, tenant: &TenantSettings, max_bytes: usize) -> Rules {
    let min_length = service.min_length.max(tenant.password_min_length.map_or(0, usize::from));
    // One that has expired is not set again.
    let least_history = u8::from(tenant.password_max_age_days.is_some_and(|days| days > 0));
    Rules {
        // Another hash format may take fewer bytes than when the tenant chose.
        min_length: min_length.min(max_bytes),
        max_length: tenant.password_max_length.map(usize::from),
        max_bytes,
        min_score: service.min_score.max(tenant.password_min_score.unwrap_or_default()),
        history: tenant.password_history.unwrap_or_default().clamp(least_history, MOST_HISTORY).into(),
        breach_check: service.breach_check || tenant.password_breach_check.unwrap_or_default(),
    }
}

/// Whether a password that was set at `set_at` is too old to log in with.
pub fn is_password_expired(tenant: &TenantSettings, set_at: Timestamp, now: Timestamp) -> bool {
    let days = tenant.password_max_age_days.unwrap_or_default();
    days > 0 && now - set_at >= time::Duration::days(days.into())
}

/// Finds what is not valid in the settings of passwords: a tenant may ask more than the service, and not less.
pub(super) fn judge(settings: &TenantSettings, limits: &Limits) -> Vec<FieldError> {
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let (service, most) = (&limits.passwords, number(limits.max_bytes));
    let (min, max) = (settings.password_min_length.map(u64::from), settings.password_max_length.map(u64::from));
    let longest = (*MIN_LENGTH.end()).min(most).min(max.unwrap_or(most));
    let least = number(service.min_length).max(*MIN_LENGTH.start());
    let mut errors = Vec::new();
    errors.extend(outside("/password_max_length", max, LEAST_MAX_LENGTH..=most));
    errors.extend(outside("/password_min_length", min, least..=longest));
    let score = settings.password_min_score.map(u64::from);
    errors.extend(outside("/password_min_score", score, service.min_score.into()..=*SCORE.end()));
    errors.extend(outside("/password_history", settings.password_history.map(u64::from), 0..=MOST_HISTORY.into()));
    if settings.password_breach_check == Some(true) && !limits.knows_breaches {
        let message =
            "this service has no address to ask about breaches: set KAYAN_PASSWORD_BREACH_URL, or leave this out";
        errors.push(FieldError::new("/settings/password_breach_check", "unavailable", message));
    }
    if settings.password_breach_check == Some(false) && service.breach_check {
        let message = "this service checks the passwords of all tenants: set this to true, or leave it out";
        errors.push(FieldError::new("/settings/password_breach_check", "const", message));
    }
    let days = settings.password_max_age_days.map(u64::from);
    errors.extend(outside("/password_max_age_days", days, MAX_AGE_DAYS));
    if days.is_some_and(|days| days > 0) && !limits.sends_mail {
        let message =
            "this service sends no mail by which users set a new password: set KAYAN_SMTP_URL, or leave this out";
        errors.push(FieldError::new("/settings/password_max_age_days", "unavailable", message));
    }
    errors
}

#[cfg(test)]
mod tests {
    use time::{Duration, macros::datetime};

    use super::*;
    use crate::policy::tenant::tests::LIMITS;

    fn pointers(errors: &[FieldError]) -> Vec<&str> {
        errors.iter().map(|error| error.pointer.trim_start_matches("/settings/")).collect()
    }

    #[test]
    fn a_tenant_may_ask_more_of_passwords_than_the_service_and_not_less() {
        let service = PasswordSettings { min_length: 12, min_score: 3, breach_check: true };
        let more = TenantSettings {
            password_min_length: Some(16),
            password_max_length: Some(64),
            password_min_score: Some(4),
            password_history: Some(24),
            password_breach_check: Some(true),
            ..TenantSettings::default()
        };
        let less = TenantSettings {
            password_min_length: Some(11),
            password_min_score: Some(2),
            password_breach_check: Some(false),
            ..TenantSettings::default()
        };
        let limits = Limits { passwords: service, ..LIMITS };
        assert!(judge(&more, &limits).is_empty());
        let found = judge(&less, &limits);
        assert_eq!(pointers(&found), ["password_min_length", "password_min_score", "password_breach_check"]);
        assert_eq!(found[0].message, "must be 12 to 72");
        let rules = password_rules(&service, &more, 72);
        let expected = Rules {
            min_length: 16,
            max_length: Some(64),
            max_bytes: 72,
            min_score: 4,
            history: 24,
            breach_check: true,
        };
        assert_eq!(rules, expected);
        // Stored before the service asked for more.
        let rules = password_rules(&service, &less, 72);
        assert_eq!((rules.min_length, rules.min_score, rules.history, rules.breach_check), (12, 3, 0, true));
    }

    #[test]
    fn settings_of_passwords_leave_room_for_one() {
        let of = |min, max| TenantSettings {
            password_min_length: min,
            password_max_length: max,
            ..TenantSettings::default()
        };
        let found = |settings: &TenantSettings, max_bytes| {
            let found = judge(settings, &Limits { max_bytes, ..LIMITS });
            pointers(&found).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(found(&of(Some(72), None), 72), [""; 0]);
        assert_eq!(found(&of(Some(73), None), 72), ["password_min_length"]);
        assert_eq!(found(&of(Some(128), None), 1_024), [""; 0]);
        assert_eq!(found(&of(Some(129), None), 1_024), ["password_min_length"]);
        assert_eq!(found(&of(Some(70), Some(69)), 72), ["password_min_length"]);
        assert_eq!(found(&of(None, Some(63)), 72), ["password_max_length"]);
        assert_eq!(found(&of(None, Some(73)), 72), ["password_max_length"]);
        // The hash format was another one when the tenant chose.
        assert_eq!(password_rules(&LIMITS.passwords, &of(Some(128), None), 72).min_length, 72);
    }

    #[test]
    fn a_check_for_breaches_needs_a_place_to_ask() {
        let settings = TenantSettings { password_breach_check: Some(true), ..TenantSettings::default() };
        assert!(judge(&settings, &LIMITS).is_empty());
        let found = judge(&settings, &Limits { knows_breaches: false, ..LIMITS });
        assert_eq!(pointers(&found), ["password_breach_check"]);
    }

    #[test]
    fn what_a_tenant_leaves_out_is_asked_as_the_service_asks_it() {
        let service = PasswordSettings { min_length: 9, min_score: 1, breach_check: true };
        let rules =
            Rules { min_length: 9, max_length: None, max_bytes: 72, min_score: 1, history: 0, breach_check: true };
        assert_eq!(password_rules(&service, &TenantSettings::default(), 72), rules);
        let longer = TenantSettings { password_min_length: Some(12), ..TenantSettings::default() };
        assert_eq!(password_rules(&LIMITS.passwords, &longer, 72).min_length, 12);
    }

    #[test]
    fn a_password_expires_after_its_days_to_the_microsecond_and_by_default_never() {
        let set_at = datetime!(2026-03-01 00:00 UTC);
        let of = |days| TenantSettings { password_max_age_days: days, ..TenantSettings::default() };
        let ninety = set_at + Duration::days(90);
        assert!(!is_password_expired(&of(Some(90)), set_at, ninety - Duration::MICROSECOND));
        assert!(is_password_expired(&of(Some(90)), set_at, ninety));
        for never in [None, Some(0)] {
            assert!(!is_password_expired(&of(never), set_at, set_at + Duration::days(36_500)));
        }
        let history = |days| password_rules(&LIMITS.passwords, &of(days), 72).history;
        assert_eq!([None, Some(0), Some(90)].map(history), [0, 0, 1], "one that has expired is not set again");
    }

    #[test]
    fn passwords_expire_only_where_users_can_set_a_new_one_by_mail() {
        let of = |days| TenantSettings { password_max_age_days: Some(days), ..TenantSettings::default() };
        let without = Limits { sends_mail: false, ..LIMITS };
        assert_eq!(pointers(&judge(&of(1), &without)), ["password_max_age_days"]);
        assert!(judge(&of(0), &without).is_empty());
        for days in [1, 3_650] {
            assert!(judge(&of(days), &LIMITS).is_empty());
        }
        assert_eq!(pointers(&judge(&of(3_651), &LIMITS)), ["password_max_age_days"]);
    }
}
