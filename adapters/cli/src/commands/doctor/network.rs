//! How clients reach the service: its URL, cookies, other origins, and the proxies in between.

use url::{Host, Url};

use super::{Case, finding::Finding};
use crate::config::{
    Config, Environment,
    settings::{general::ENVIRONMENT, http},
};

const PUBLIC_URL: &str = "network.public_url";
const COOKIES: &str = "network.cookies";
const CORS: &str = "network.cors";
const PROXIES: &str = "network.proxies";

pub(super) fn examine(case: &Case) -> Vec<Finding> {
    let settings =
        [ENVIRONMENT.name, http::HOST.name, http::PUBLIC_URL.name, http::CORS_ORIGINS.name, http::TRUSTED_PROXIES.name];
    if let Some(setting) = case.unusable(&settings) {
        return [PUBLIC_URL, COOKIES, CORS, PROXIES].map(|check| Finding::rests_on(check, setting)).into();
    }
    let config = &case.config;
    vec![public_url(config), cookies(config), cors(config), proxies(config)]
}

fn is_production(config: &Config) -> bool {
    config.env == Environment::Production
}

fn is_https(config: &Config) -> bool {
    config.public_url.as_ref().is_some_and(|url| url.scheme() == "https")
}

/// Whether the URL is only valid on this machine.
fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_unspecified(),
        Some(Host::Ipv6(address)) => address.is_loopback() || address.is_unspecified(),
        None => false,
    }
}

fn public_url(config: &Config) -> Finding {
    match &config.public_url {
        Some(url) if is_production(config) && is_local(url) => Finding::warning(
            PUBLIC_URL,
            format!("{url} points each client to its own machine"),
            "set KAYAN_PUBLIC_URL to the URL under which clients reach the service",
        ),
        Some(url) => Finding::ok(PUBLIC_URL, format!("clients reach the service under {url}")),
        None if is_production(config) => Finding::warning(
            PUBLIC_URL,
            "is not set: the service uses the address it listens on, and pages of other origins can't use its cookie",
            "set KAYAN_PUBLIC_URL, as in https://login.example.com",
        ),
        None => Finding::ok(PUBLIC_URL, "the address it listens on"),
    }
}

/// Production marks cookies `Secure`; development does not.
fn cookies(config: &Config) -> Finding {
    let plain = config.public_url.as_ref().filter(|url| url.scheme() == "http");
    match (is_production(config), plain) {
        (true, Some(_)) => Finding::failed(
            COOKIES,
            "the session cookie is marked Secure, but KAYAN_PUBLIC_URL is http: browsers will not send it",
            "terminate TLS at a proxy, and set KAYAN_PUBLIC_URL to its https URL",
        ),
        (true, None) => Finding::ok(COOKIES, "the session cookie is marked Secure"),
        (false, _) if is_https(config) => Finding::warning(
            COOKIES,
            "in development the session cookie is not marked Secure, though KAYAN_PUBLIC_URL is https",
            "set KAYAN_ENV=production",
        ),
        (false, _) => Finding::ok(COOKIES, "in development, the session cookie is also sent over http"),
    }
}

fn cors(config: &Config) -> Finding {
    let origins: Vec<Url> = config.cors_origins.iter().filter_map(|origin| Url::parse(origin.as_str()).ok()).collect();
    let odd = origins.iter().find(|url| is_local(url) || url.scheme() == "http");
    match odd {
        _ if origins.is_empty() => Finding::ok(CORS, "other origins have no access"),
        Some(url) if is_production(config) || is_https(config) => Finding::warning(
            CORS,
            format!(
                "pages of {} can use their visitors' sessions, and anyone on the network or on the visitors' machines can \
                 forge such pages",
                url.origin().ascii_serialization()
            ),
            "remove it from KAYAN_CORS_ORIGINS, or use its https origin",
        ),
        _ => Finding::ok(CORS, format!("{} other origins have access", origins.len())),
    }
}

/// Kayan does not terminate TLS, so for https there is a proxy in front of it.
fn proxies(config: &Config) -> Finding {
    if config.trusted_proxies.iter().any(|net| net.prefix_len() == 0) {
        return Finding::failed(
            PROXIES,
            "every address is trusted as a proxy: any client can forge the address for rate limits and the audit trail",
            "set KAYAN_TRUSTED_PROXIES to the networks of the proxies, such as 10.0.0.0/8",
        );
    }
    if !config.trusted_proxies.is_empty() {
        let count = config.trusted_proxies.len();
        return Finding::ok(PROXIES, format!("X-Forwarded-For is trusted from {count} networks"));
    }
    let shared = "all clients have the proxy's address: they share one rate limit, and look alike in the audit trail";
    let hint = "set KAYAN_TRUSTED_PROXIES to the proxy's address or network";
    if is_https(config) {
        return Finding::warning(PROXIES, format!("no proxy is trusted, but https needs one: {shared}"), hint);
    }
    if !config.host.is_loopback() {
        return Finding::warning(
            PROXIES,
            format!(
                "no proxy is trusted. That is right if clients connect to {} directly; otherwise {shared}",
                config.host
            ),
            hint,
        );
    }
    Finding::ok(PROXIES, "no proxy is trusted: only this machine can reach the service")
}
