//! The settings of a tenant, and how they override those of the service.

mod passwords;

use std::{ops::RangeInclusive, time::Duration};

use kayan_ports::{Method, RateLimit, TenantLimit, TenantSettings, Timestamp, Trust};

pub use self::passwords::{Limits, PasswordSettings, is_password_expired, password_rules};
use crate::{
    FieldError, Lifetimes,
    policy::{role::MOST_ENTRIES, token_claims},
};

/// The methods that a login can begin with.
const FIRST: [Method; 5] = [Method::Password, Method::Webauthn, Method::MagicLink, Method::Code, Method::Oidc];
/// A minute to a year.
const TTL: RangeInclusive<u64> = 60..=31_536_000;
/// Longer would be no second factor.
const TRUSTED_DAYS: RangeInclusive<u64> = 1..=90;
/// A second to a day.
const WINDOW: RangeInclusive<u64> = 1..=86_400;
/// Fewer hashes cost nothing; more take a phone minutes.
const DIFFICULTY: RangeInclusive<u64> = 1_000..=10_000_000;
/// After how many failed logins.
const FAILURES: RangeInclusive<u64> = 1..=1_000;
/// More would be no limit.
const REQUESTS: RangeInclusive<u64> = 1..=1_000_000;

/// The lifetimes of sessions in a tenant; a refresh token lives no longer than its session.
pub fn lifetimes(service: Lifetimes, tenant: &TenantSettings) -> Lifetimes {
    let seconds = |own: Option<u32>, others: Duration| own.map_or(others, |own| Duration::from_secs(own.into()));
    Lifetimes {
        session: seconds(tenant.session_ttl, service.session),
        refresh: seconds(tenant.refresh_ttl, service.refresh),
        absolute: seconds(tenant.session_max_ttl, service.absolute),
    }
}

/// Whether a tenant allows this method.
pub fn allows(tenant: &TenantSettings, method: Method) -> bool {
    tenant.methods.as_ref().is_none_or(|methods| methods.contains(&method))
}

/// The users of whom a tenant requires a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MfaRequired<'a> {
    /// None of them.
    OfNobody,
    /// All of them.
    OfEveryone,
    /// Those who have one of these roles, or one that inherits from them.
    OfHolders(&'a [String]),
}

/// The users of whom a tenant requires a second factor at this time.
pub fn mfa_required(tenant: &TenantSettings, now: Timestamp) -> MfaRequired<'_> {
    if !tenant.mfa_required || tenant.mfa_required_from.is_some_and(|from| now < from) {
        return MfaRequired::OfNobody;
    }
    tenant.mfa_required_roles.as_deref().map_or(MfaRequired::OfEveryone, MfaRequired::OfHolders)
}

/// Until when a device that is trusted stands in for the second factor; `None`: it does not. `epoch` is that of the tenant.
pub fn trusted_until(tenant: &TenantSettings, trust: Option<Trust>, epoch: i64) -> Option<Timestamp> {
    let trust = trust.filter(|trust| trust.epoch == epoch)?;
    let days = tenant.trusted_device_days?;
    Some(trust.since.saturating_add(time::Duration::days(days.into())))
}

/// The limit of this name: the tenant's own, or else that of the service.
pub fn limit(name: &'static str, service: Option<RateLimit>, tenant: Option<TenantLimit>) -> Option<RateLimit> {
    let own =
        |TenantLimit { requests, window }| RateLimit { name, requests, window: Duration::from_secs(window.into()) };
    tenant.map(own).or(service)
}

/// Finds the settings that are not valid.
pub fn judge(settings: &TenantSettings, limits: &Limits) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut within = |pointer: &str, value, range| errors.extend(outside(pointer, value, range));
    within("/session_ttl", settings.session_ttl.map(u64::from), TTL);
    within("/refresh_ttl", settings.refresh_ttl.map(u64::from), TTL);
    within("/session_max_ttl", settings.session_max_ttl.map(u64::from), TTL);
    within("/trusted_device_days", settings.trusted_device_days.map(u64::from), TRUSTED_DAYS);
    let failures = settings.proof_of_work_after_failures;
    within("/proof_of_work_after_failures", failures.map(u64::from), FAILURES);
    within("/proof_of_work_difficulty", settings.proof_of_work_difficulty.map(u64::from), DIFFICULTY);
    for (pointer, limit) in
        [("/login_limit", settings.login_limit), ("/registration_limit", settings.registration_limit)]
    {
        within(&format!("{pointer}/requests"), limit.map(|limit| limit.requests.into()), REQUESTS);
        within(&format!("{pointer}/window"), limit.map(|limit| limit.window.into()), WINDOW);
    }
    if settings.methods.as_ref().is_some_and(Vec::is_empty) {
        let message = "must name one method at least, or be left out".to_owned();
        errors.push(FieldError { pointer: "/settings/methods".to_owned(), code: "minItems".to_owned(), message });
    }
    if settings.proof_of_work.as_ref().is_some_and(Vec::is_empty) {
        let message = "must name one purpose at least, or be left out";
        errors.push(FieldError::new("/settings/proof_of_work", "minItems", message));
    }
    if settings.methods.iter().flatten().any(|method| !FIRST.contains(method)) {
        let message =
            "must only name methods that a login begins with: password, webauthn, magic_link, code, oidc".to_owned();
        errors.push(FieldError { pointer: "/settings/methods".to_owned(), code: "enum".to_owned(), message });
    }
    errors.extend(token_claims::judge(&settings.jwt_audiences));
    let named = |name: &String| settings.jwt_audiences.iter().any(|it| it.audience == *name);
    if settings.session_audience.as_ref().is_some_and(|name| !named(name)) {
        let message = "must be one of jwt_audiences: add it there";
        errors.push(FieldError::new("/settings/session_audience", "unknown", message));
    }
    errors.extend(passwords::judge(settings, limits));
    if settings.language.as_ref().is_some_and(|tag| !is_language(tag)) {
        let message = "must be a language tag, as in `de` or `pt-BR`";
        errors.push(FieldError::new("/settings/language", "format", message));
    }
    errors.extend(judge_mfa(settings));
    errors
}

/// Whether this looks like a language tag (RFC 5646, section 2.1): subtags of 1 to 8 letters and digits, the first of 2 or 3
/// letters.
fn is_language(tag: &str) -> bool {
    let is_subtag = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let first = tag.split('-').next().unwrap_or_default();
    tag.len() <= 35
        && (2..=3).contains(&first.len())
        && first.bytes().all(|byte| byte.is_ascii_alphabetic())
        && tag.split('-').all(is_subtag)
}

fn outside(pointer: &str, value: Option<u64>, range: RangeInclusive<u64>) -> Option<FieldError> {
    value.filter(|value| !range.contains(value)).map(|_| {
        FieldError::new(format!("/settings{pointer}"), "range", format!("must be {} to {}", range.start(), range.end()))
    })
}

/// Finds what is not valid in the settings of when and of whom a second factor is required.
fn judge_mfa(settings: &TenantSettings) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let given = [
        ("mfa_required_from", settings.mfa_required_from.is_some()),
        ("mfa_required_roles", settings.mfa_required_roles.is_some()),
    ];
    for (name, _) in given.into_iter().filter(|(_, is_given)| *is_given && !settings.mfa_required) {
        let message = "needs `mfa_required`: set that to true, or leave this out";
        errors.push(FieldError::new(format!("/settings/{name}"), "dependentRequired", message));
    }
    let count = settings.mfa_required_roles.as_ref().map_or(1, Vec::len);
    let (code, message) = match count {
        0 => {
            ("minItems", "must name one role at least; leave it out to require a second factor of everyone".to_owned())
        }
        1..=MOST_ENTRIES => return errors,
        _ => ("maxItems", format!("must name {MOST_ENTRIES} roles at most")),
    };
    errors.push(FieldError::new("/settings/mfa_required_roles", code, message));
    errors
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const SERVICE: Lifetimes = Lifetimes {
        session: Duration::from_hours(24),
        refresh: Duration::from_hours(168),
        absolute: Duration::from_hours(720),
    };

    pub(super) const LIMITS: Limits = Limits {
        passwords: PasswordSettings { min_length: 8, min_score: 2, breach_check: false },
        max_bytes: 72,
        knows_breaches: true,
        sends_mail: true,
    };

    fn judge(settings: &TenantSettings) -> Vec<FieldError> {
        super::judge(settings, &LIMITS)
    }

    #[test]
    fn what_a_tenant_leaves_out_is_as_the_service_has_it() {
        let none = TenantSettings::default();
        assert_eq!(lifetimes(SERVICE, &none), SERVICE);
        assert!(allows(&none, Method::Password));
        let service = RateLimit { name: "login", requests: 5, window: Duration::from_mins(1) };
        assert_eq!(limit("login", Some(service), None), Some(service));
        assert_eq!(limit("login", None, None), None);
        assert!(judge(&none).is_empty());
    }

    #[test]
    fn what_a_tenant_sets_counts_also_where_the_service_sets_nothing() {
        let own = TenantSettings {
            session_ttl: Some(300),
            session_max_ttl: Some(600),
            methods: Some(vec![Method::Password]),
            ..TenantSettings::default()
        };
        let expected = Lifetimes { session: Duration::from_mins(5), absolute: Duration::from_mins(10), ..SERVICE };
        assert_eq!(lifetimes(SERVICE, &own), expected);
        let limited = limit("login", None, Some(TenantLimit { requests: 3, window: 10 }));
        assert_eq!(limited, Some(RateLimit { name: "login", requests: 3, window: Duration::from_secs(10) }));
    }

    #[test]
    fn settings_out_of_range_are_each_told() {
        let wild = TenantSettings {
            session_ttl: Some(59),
            refresh_ttl: Some(31_536_001),
            session_max_ttl: Some(0),
            password_min_length: Some(7),
            password_max_length: Some(63),
            password_min_score: Some(5),
            password_history: Some(25),
            password_breach_check: None,
            password_max_age_days: Some(3_651),
            mfa_code_channels: vec![],
            trusted_device_days: Some(91),
            methods: Some(vec![]),
            login_limit: Some(TenantLimit { requests: 0, window: 0 }),
            registration_limit: Some(TenantLimit { requests: 1_000_001, window: 86_401 }),
            mfa_required: false,
            mfa_required_from: Some(Timestamp::UNIX_EPOCH),
            mfa_required_roles: Some(vec![]),
            verification_required: true,
            refuse_disposable_addresses: true,
            language: Some("e".to_owned()),
            notices_off: vec![],
            jwt_audiences: vec![],
            session_audience: Some("https://api.example".to_owned()),
            proof_of_work: Some(vec![]),
            proof_of_work_after_failures: Some(0),
            proof_of_work_difficulty: Some(999),
        };
        let told = judge(&wild);
        let pointers: Vec<_> = told.iter().map(|error| error.pointer.as_str()).collect();
        let expected = [
            "/settings/session_ttl",
            "/settings/refresh_ttl",
            "/settings/session_max_ttl",
            "/settings/trusted_device_days",
            "/settings/proof_of_work_after_failures",
            "/settings/proof_of_work_difficulty",
            "/settings/login_limit/requests",
            "/settings/login_limit/window",
            "/settings/registration_limit/requests",
            "/settings/registration_limit/window",
            "/settings/methods",
            "/settings/proof_of_work",
            "/settings/session_audience",
            "/settings/password_max_length",
            "/settings/password_min_length",
            "/settings/password_min_score",
            "/settings/password_history",
            "/settings/password_max_age_days",
            "/settings/language",
            "/settings/mfa_required_from",
            "/settings/mfa_required_roles",
            "/settings/mfa_required_roles",
        ];
        assert_eq!(pointers, expected);
        let roles = |count| Some(vec!["admin".to_owned(); count]);
        let of = |count| TenantSettings { mfa_required: true, mfa_required_roles: roles(count), ..Default::default() };
        assert!(judge(&of(256)).is_empty());
        assert_eq!(judge(&of(257))[0].code, "maxItems");
    }

    #[test]
    fn a_language_is_a_tag_of_rfc_5646() {
        for tag in ["de", "pt-BR", "zh-Hans-CN", "sl-rozaj-biske-1994"] {
            assert!(is_language(tag), "{tag}");
        }
        for tag in ["", "d", "german", "de_AT", "de-", "../etc", "d1", "en-123456789"] {
            assert!(!is_language(tag), "{tag}");
        }
    }

    #[test]
    fn a_device_is_trusted_for_days_while_the_tenant_allows_it_and_has_not_revoked_all_sessions() {
        let since = datetime!(2026-03-01 09:30 UTC);
        let trust = Some(Trust { since, epoch: 7 });
        let days = |days| TenantSettings { trusted_device_days: days, ..TenantSettings::default() };
        assert_eq!(trusted_until(&days(Some(30)), trust, 7), Some(datetime!(2026-03-31 09:30 UTC)));
        assert_eq!(
            trusted_until(&days(Some(1)), trust, 7),
            Some(datetime!(2026-03-02 09:30 UTC)),
            "the tenant's days now"
        );
        assert_eq!(trusted_until(&days(None), trust, 7), None);
        assert_eq!(trusted_until(&days(Some(30)), trust, 8), None, "all sessions were revoked since");
        assert_eq!(trusted_until(&days(Some(30)), None, 7), None);
    }

    #[test]
    fn a_second_factor_is_required_from_its_date_on_to_the_microsecond() {
        let from = datetime!(2026-03-01 00:00 UTC);
        let since = |from| TenantSettings { mfa_required: true, mfa_required_from: from, ..TenantSettings::default() };
        let before = from - time::Duration::MICROSECOND;
        assert_eq!(mfa_required(&TenantSettings::default(), from), MfaRequired::OfNobody);
        assert_eq!(mfa_required(&since(None), before), MfaRequired::OfEveryone);
        assert_eq!(mfa_required(&since(Some(from)), before), MfaRequired::OfNobody);
        assert_eq!(mfa_required(&since(Some(from)), from), MfaRequired::OfEveryone);
        let roles = vec!["admin".to_owned()];
        let limited = TenantSettings { mfa_required_roles: Some(roles.clone()), ..since(Some(from)) };
        assert_eq!(mfa_required(&limited, from), MfaRequired::OfHolders(&roles));
        assert_eq!(mfa_required(&limited, before), MfaRequired::OfNobody);
    }
}
