//! What is set for services behind a proxy can be met, and browsers take the cookie.

use super::{Setup, settings};

const PUBLIC_URL: (&str, &str) = ("KAYAN_PUBLIC_URL", "https://login.example.com");

#[test]
fn a_cookie_is_for_the_domain_of_the_service_or_one_above_it() {
    for domain in ["example.com", "Login.Example.com"] {
        let config = Setup::new(&[PUBLIC_URL, ("KAYAN_COOKIE_DOMAIN", domain)]).load().config;
        assert_eq!(config.cookie_domain, Some(domain.to_ascii_lowercase()));
    }
    for (given, what) in [
        (&[PUBLIC_URL, ("KAYAN_COOKIE_DOMAIN", "ample.com")][..], "is neither login.example.com"),
        (&[PUBLIC_URL, ("KAYAN_COOKIE_DOMAIN", "app.example.com")], "is neither login.example.com"),
        (&[PUBLIC_URL, ("KAYAN_COOKIE_DOMAIN", "a.login.example.com")], "is neither login.example.com"),
        (&[PUBLIC_URL, ("KAYAN_COOKIE_DOMAIN", "com")], "is not a domain of two labels"),
        (&[("KAYAN_COOKIE_DOMAIN", "example.com")], "needs KAYAN_PUBLIC_URL"),
        (&[("KAYAN_PUBLIC_URL", "https://192.0.2.1"), ("KAYAN_COOKIE_DOMAIN", "2.1")], "is not a domain of two labels"),
    ] {
        let problems = Setup::new(given).problems();
        assert_eq!(settings(&problems), ["KAYAN_COOKIE_DOMAIN"], "{given:?}");
        assert!(problems.to_string().contains(what), "{given:?}: {problems}");
    }
}

#[test]
fn rules_need_a_proxy_that_is_trusted_and_are_all_good_or_refused() {
    let rules = ("KAYAN_FORWARD_AUTH_RULES", "grafana.example.com role=ops min_aal=aal2; wiki.example.com");
    let proxies = ("KAYAN_TRUSTED_PROXIES", "192.0.2.1");
    assert!(!Setup::new(&[rules, proxies]).load().config.forward_auth_rules.is_empty());
    for (given, what) in [
        (&[rules][..], "needs KAYAN_TRUSTED_PROXIES"),
        (&[proxies, ("KAYAN_FORWARD_AUTH_RULES", "grafana.example.com ops")], "the rule `grafana.example.com ops`"),
    ] {
        let problems = Setup::new(given).problems();
        assert_eq!(settings(&problems), ["KAYAN_FORWARD_AUTH_RULES"], "{given:?}");
        assert!(problems.to_string().contains(what), "{given:?}: {problems}");
    }
    let problems = Setup::new(&[("KAYAN_LOGIN_URL", "/login")]).problems();
    assert_eq!(settings(&problems), ["KAYAN_LOGIN_URL"]);
}
