//! The settings of a tenant, and how they override those of the service.

use std::{ops::RangeInclusive, time::Duration};

use kayan_ports::{Method, RateLimit, TenantLimit, TenantSettings};

use crate::{FieldError, Lifetimes};

/// The methods that a login can begin with.
const FIRST: [Method; 2] = [Method::Password, Method::Webauthn];
/// A minute to a year.
const TTL: RangeInclusive<u64> = 60..=31_536_000;
/// Not every hash format takes longer passwords whole.
const MIN_LENGTH: RangeInclusive<u64> = 8..=64;
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

/// The minimum length of a password in a tenant, in characters.
pub fn password_min_length(service: usize, tenant: &TenantSettings) -> usize {
    tenant.password_min_length.map_or(service, usize::from)
}

/// Whether a tenant allows this method.
pub fn allows(tenant: &TenantSettings, method: Method) -> bool {
    tenant.methods.as_ref().is_none_or(|methods| methods.contains(&method))
}

/// The limit of this name: the tenant's own, or else that of the service.
pub fn limit(name: &'static str, service: Option<RateLimit>, tenant: Option<TenantLimit>) -> Option<RateLimit> {
    let own =
        |TenantLimit { requests, window }| RateLimit { name, requests, window: Duration::from_secs(window.into()) };
    tenant.map(own).or(service)
}

/// Finds the settings that are not valid.
pub fn judge(settings: &TenantSettings) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut within = |pointer: &str, value: Option<u64>, range: RangeInclusive<u64>| {
        if value.is_some_and(|value| !range.contains(&value)) {
            let message = format!("must be {} to {}", range.start(), range.end());
            errors.push(FieldError { pointer: format!("/settings{pointer}"), code: "range".to_owned(), message });
        }
    };
    within("/session_ttl", settings.session_ttl.map(u64::from), TTL);
    within("/refresh_ttl", settings.refresh_ttl.map(u64::from), TTL);
    within("/session_max_ttl", settings.session_max_ttl.map(u64::from), TTL);
    within("/password_min_length", settings.password_min_length.map(u64::from), MIN_LENGTH);
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
        let message = "must only name methods that a login begins with: password, webauthn".to_owned();
        errors.push(FieldError { pointer: "/settings/methods".to_owned(), code: "enum".to_owned(), message });
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: Lifetimes = Lifetimes {
        session: Duration::from_hours(24),
        refresh: Duration::from_hours(168),
        absolute: Duration::from_hours(720),
    };

    #[test]
    fn what_a_tenant_leaves_out_is_as_the_service_has_it() {
        let none = TenantSettings::default();
        assert_eq!(lifetimes(SERVICE, &none), SERVICE);
        assert_eq!(password_min_length(9, &none), 9);
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
        assert_eq!(password_min_length(9, &own), 12);
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
            methods: Some(vec![]),
            login_limit: Some(TenantLimit { requests: 0, window: 0 }),
            registration_limit: Some(TenantLimit { requests: 1_000_001, window: 86_401 }),
            mfa_required: true,
        };
        let told = judge(&wild);
        let pointers: Vec<_> = told.iter().map(|error| error.pointer.as_str()).collect();
        let expected = [
            "/settings/session_ttl",
            "/settings/refresh_ttl",
            "/settings/session_max_ttl",
            "/settings/password_min_length",
            "/settings/login_limit/requests",
            "/settings/login_limit/window",
            "/settings/registration_limit/requests",
            "/settings/registration_limit/window",
            "/settings/methods",
        ];
        assert_eq!(pointers, expected);
    }
}
