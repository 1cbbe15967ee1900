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

/// Whether only this machine can mean itself by it.
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
            format!("{url} leads each client to its own machine"),
            "set KAYAN_PUBLIC_URL to the URL under which clients reach the service",
        ),
        Some(url) => Finding::ok(PUBLIC_URL, format!("clients reach the service under {url}")),
        None if is_production(config) => Finding::warning(
            PUBLIC_URL,
            "is not set: the service takes the address it listens on for its own, and browser pages from elsewhere can't \
             use its cookie",
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
            "the session cookie is marked Secure, and KAYAN_PUBLIC_URL is http: browsers will not send it",
            "let a proxy speak https, and set KAYAN_PUBLIC_URL to its URL",
        ),
        (true, None) => Finding::ok(COOKIES, "the session cookie is marked Secure"),
        (false, _) if is_https(config) => Finding::warning(
            COOKIES,
            "in development the session cookie is not marked Secure, though KAYAN_PUBLIC_URL is https",
            "set KAYAN_ENV=production",
        ),
        (false, _) => Finding::ok(COOKIES, "in development the session cookie goes over http, too"),
    }
}

fn cors(config: &Config) -> Finding {
    let origins: Vec<Url> = config.cors_origins.iter().filter_map(|origin| Url::parse(origin.as_str()).ok()).collect();
    let odd = origins.iter().find(|url| is_local(url) || url.scheme() == "http");
    match odd {
        _ if origins.is_empty() => Finding::ok(CORS, "no pages of other origins may call"),
        Some(url) if is_production(config) || is_https(config) => Finding::warning(
            CORS,
            format!(
                "pages from {} may call with their visitors' sessions: whoever is on their network, or on the visitors' \
                 machines, can write such pages",
                url.origin().ascii_serialization()
            ),
            "take it out of KAYAN_CORS_ORIGINS, or name its https origin",
        ),
        _ => Finding::ok(CORS, format!("pages of {} other origins may call", origins.len())),
    }
}

/// Kayan speaks no TLS itself, so where clients use https a proxy stands before it.
fn proxies(config: &Config) -> Finding {
    if config.trusted_proxies.iter().any(|net| net.prefix_len() == 0) {
        return Finding::failed(
            PROXIES,
            "everybody is trusted as a proxy: any client can make up the address that it is limited and audited by",
            "set KAYAN_TRUSTED_PROXIES to the proxies' own networks, as in 10.0.0.0/8",
        );
    }
    if !config.trusted_proxies.is_empty() {
        let count = config.trusted_proxies.len();
        return Finding::ok(PROXIES, format!("X-Forwarded-For is believed from {count} networks"));
    }
    let shared =
        "every client has the proxy's address: they share one rate limit, and the audit trail tells nobody apart";
    let mend = "set KAYAN_TRUSTED_PROXIES to the proxy's address or network";
    if is_https(config) {
        return Finding::warning(
            PROXIES,
            format!("no proxy is trusted, though one must speak https for the service: {shared}"),
            mend,
        );
    }
    if !config.host.is_loopback() {
        return Finding::warning(
            PROXIES,
            format!(
                "no proxy is trusted. That is right where clients connect to {} themselves; else {shared}",
                config.host
            ),
            mend,
        );
    }
    Finding::ok(PROXIES, "no proxy is trusted: the service is reached from this machine alone")
}
