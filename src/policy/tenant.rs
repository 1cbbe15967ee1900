//! The settings of a tenant, and how they override those of the service.

use std::{ops::RangeInclusive, time::Duration};

use kayan_ports::{Method, RateLimit, TenantLimit, TenantSettings, Timestamp};

use crate::{
    FieldError, Lifetimes,
    policy::{
        password::{MOST_HISTORY, Rules},
        role::MOST_ENTRIES,
    },
};

/// The methods that a login can begin with.
const FIRST: [Method; 4] = [Method::Password, Method::Webauthn, Method::MagicLink, Method::Code];
/// A minute to a year.
const TTL: RangeInclusive<u64> = 60..=31_536_000;
/// The shortest password, in characters: of fewer, NIST SP 800-63B-4 takes none.
const MIN_LENGTH: RangeInclusive<u64> = 8..=128;
/// NIST SP 800-63B-4 asks to take at least this many characters.
const LEAST_MAX_LENGTH: u64 = 64;
/// How hard a password is to guess.
const SCORE: RangeInclusive<u64> = 0..=4;
/// A second to a day.
const WINDOW: RangeInclusive<u64> = 1..=86_400;
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
}

/// The rules for new passwords in a tenant. Its settings add to those of the service, which hold in any case.
pub fn password_rules(service: &PasswordSettings, tenant: &TenantSettings, max_bytes: usize) -> Rules {
    let min_length = service.min_length.max(tenant.password_min_length.map_or(0, usize::from));
    Rules {
        // Another hash format may take fewer bytes than when the tenant chose.
        min_length: min_length.min(max_bytes),
        max_length: tenant.password_max_length.map(usize::from),
        max_bytes,
        min_score: service.min_score.max(tenant.password_min_score.unwrap_or_default()),
        history: tenant.password_history.unwrap_or_default().min(MOST_HISTORY).into(),
        breach_check: service.breach_check || tenant.password_breach_check.unwrap_or_default(),
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
    if settings.methods.iter().flatten().any(|method| !FIRST.contains(method)) {
        let message =
            "must only name methods that a login begins with: password, webauthn, magic_link, code".to_owned();
        errors.push(FieldError { pointer: "/settings/methods".to_owned(), code: "enum".to_owned(), message });
    }
    errors.extend(judge_passwords(settings, limits));
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

/// Finds what is not valid in the settings of passwords: a tenant may ask more than the service, and not less.
fn judge_passwords(settings: &TenantSettings, limits: &Limits) -> Vec<FieldError> {
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
    errors
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

    const LIMITS: Limits = Limits {
        passwords: PasswordSettings { min_length: 8, min_score: 2, breach_check: false },
        max_bytes: 72,
        knows_breaches: true,
    };

    fn judge(settings: &TenantSettings) -> Vec<FieldError> {
        super::judge(settings, &LIMITS)
    }

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
        assert!(super::judge(&more, &limits).is_empty());
        let told = super::judge(&less, &limits);
        assert_eq!(pointers(&told), ["password_min_length", "password_min_score", "password_breach_check"]);
        assert_eq!(told[0].message, "must be 12 to 72");
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
        let told = |settings: &TenantSettings, max_bytes| {
            let told = super::judge(settings, &Limits { max_bytes, ..LIMITS });
            pointers(&told).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(told(&of(Some(72), None), 72), [""; 0]);
        assert_eq!(told(&of(Some(73), None), 72), ["password_min_length"]);
        assert_eq!(told(&of(Some(128), None), 1_024), [""; 0]);
        assert_eq!(told(&of(Some(129), None), 1_024), ["password_min_length"]);
        assert_eq!(told(&of(Some(70), Some(69)), 72), ["password_min_length"]);
        assert_eq!(told(&of(None, Some(63)), 72), ["password_max_length"]);
        assert_eq!(told(&of(None, Some(73)), 72), ["password_max_length"]);
        // The hash format was another one when the tenant chose.
        assert_eq!(password_rules(&LIMITS.passwords, &of(Some(128), None), 72).min_length, 72);
    }

    #[test]
    fn a_check_for_breaches_needs_a_place_to_ask() {
        let settings = TenantSettings { password_breach_check: Some(true), ..TenantSettings::default() };
        assert!(judge(&settings).is_empty());
        let told = super::judge(&settings, &Limits { knows_breaches: false, ..LIMITS });
        assert_eq!(pointers(&told), ["password_breach_check"]);
    }

    #[test]
    fn what_a_tenant_leaves_out_is_as_the_service_has_it() {
        let none = TenantSettings::default();
        assert_eq!(lifetimes(SERVICE, &none), SERVICE);
        let service = PasswordSettings { min_length: 9, min_score: 1, breach_check: true };
        let rules =
            Rules { min_length: 9, max_length: None, max_bytes: 72, min_score: 1, history: 0, breach_check: true };
        assert_eq!(password_rules(&service, &none, 72), rules);
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
            password_min_length: Some(12),
            methods: Some(vec![Method::Password]),
            ..TenantSettings::default()
        };
        let expected = Lifetimes { session: Duration::from_mins(5), absolute: Duration::from_mins(10), ..SERVICE };
        assert_eq!(lifetimes(SERVICE, &own), expected);
        assert_eq!(password_rules(&LIMITS.passwords, &own, 72).min_length, 12);
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
            methods: Some(vec![]),
            login_limit: Some(TenantLimit { requests: 0, window: 0 }),
            registration_limit: Some(TenantLimit { requests: 1_000_001, window: 86_401 }),
            mfa_required: false,
            mfa_required_from: Some(Timestamp::UNIX_EPOCH),
            mfa_required_roles: Some(vec![]),
            verification_required: true,
            language: Some("e".to_owned()),
        };
        let told = judge(&wild);
        let pointers: Vec<_> = told.iter().map(|error| error.pointer.as_str()).collect();
        let expected = [
            "/settings/session_ttl",
            "/settings/refresh_ttl",
            "/settings/session_max_ttl",
            "/settings/login_limit/requests",
            "/settings/login_limit/window",
            "/settings/registration_limit/requests",
            "/settings/registration_limit/window",
            "/settings/methods",
            "/settings/password_max_length",
            "/settings/password_min_length",
            "/settings/password_min_score",
            "/settings/password_history",
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
