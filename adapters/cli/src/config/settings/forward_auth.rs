//! The settings of authentication for services behind a proxy.

use kayan_http::ForwardAuthRules;
use url::Url;

use super::{Section, http};
use crate::config::{
    parse,
    problem::{Findings, Invalid},
    setting::Setting,
    values::Values,
};

pub(crate) const LOGIN_URL: Setting<Url> =
    Setting::parsed("KAYAN_LOGIN_URL", "Page to log in on, to which /forward-auth redirects browsers", parse::page_url);
pub(crate) const RULES: Setting<ForwardAuthRules> = Setting::parsed(
    "KAYAN_FORWARD_AUTH_RULES",
    "What services behind a proxy require: HOST role=NAME min_aal=aal2; HOST …",
    parse::forward_auth_rules,
);
pub(crate) const COOKIE_DOMAIN: Setting<String> = Setting::parsed(
    "KAYAN_COOKIE_DOMAIN",
    "Domain whose hosts all get the session cookie, such as example.com",
    parse::cookie_domain,
);

pub(super) const SECTION: Section =
    Section { title: "Forward authentication", settings: &[&LOGIN_URL, &RULES, &COOKIE_DOMAIN] };

/// Refuses rules that no request could meet, and a domain whose cookie browsers would not take from the service.
pub(crate) fn check(values: &Values, findings: &mut Findings) {
    if values.find(&RULES).is_some() && values.text(&http::TRUSTED_PROXIES).is_none() {
        let what = "needs KAYAN_TRUSTED_PROXIES: the host of a request is what a trusted proxy says";
        findings.reject(values, RULES.name, Invalid::new(what, "set it to the address of the proxy"));
    }
    let Some(domain) = values.find(&COOKIE_DOMAIN) else { return };
    let own = values.find(&http::PUBLIC_URL).and_then(|url| url.host_str().map(str::to_owned));
    let is_above = |host: &str| host.strip_suffix(&*domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    match own {
        Some(host) if is_above(&host) => {}
        Some(host) => {
            let what = format!("is neither {host}, the host of KAYAN_PUBLIC_URL, nor a domain above it");
            findings.reject(
                values,
                COOKIE_DOMAIN.name,
                Invalid::new(what, "set it to one that browsers take from there"),
            );
        }
        None => {
            let what = "needs KAYAN_PUBLIC_URL, whose host must be this domain or below it";
            findings.reject(values, COOKIE_DOMAIN.name, Invalid::new(what, "set it, too"));
        }
    }
}
