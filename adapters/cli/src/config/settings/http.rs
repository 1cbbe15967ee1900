//! The settings of the HTTP service.

use std::net::IpAddr;

use ipnet::IpNet;
use kayan_http::{Origin, TenantHosts};
use url::Url;

use super::Section;
use crate::config::{parse, problem::Findings, setting::Setting, values::Values};

/// Loopback, RFC 1918, RFC 3927, and their like in IPv6 (RFC 4193, RFC 4291). `::/127` instead of `::1`: a trusted proxy
/// that is listed as a single address may read the metrics.
const PRIVATE: &str = "127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,169.254.0.0/16,::/127,fc00::/7,fe80::/10";

pub(crate) const HOST: Setting<IpAddr> = Setting::parsed("KAYAN_HOST", "IP address to listen on", parse::address)
    .per_environment("127.0.0.1", Some("0.0.0.0"));
pub(crate) const PORT: Setting<u16> =
    Setting::number("KAYAN_PORT", "TCP port to listen on; 0 takes a free one", &(0, 65_535)).or("8080");
pub(crate) const MAX_CONNECTIONS: Setting<usize> =
    Setting::number("KAYAN_MAX_CONNECTIONS", "Maximum connections of clients; more wait", &(1, 1_000_000))
        .computed("the limit of open files, less those that databases need");
pub(crate) const PUBLIC_URL: Setting<Url> =
    Setting::parsed("KAYAN_PUBLIC_URL", "URL under which clients reach the service", parse::public_url)
        .computed("the address it listens on");
pub(crate) const ACCOUNT_URL: Setting<Url> =
    Setting::parsed("KAYAN_ACCOUNT_URL", "Page on which users change passwords and passkeys", parse::public_url);
pub(crate) const CORS_ORIGINS: Setting<Vec<Origin>> =
    Setting::parsed("KAYAN_CORS_ORIGINS", "Origins of browser applications, separated by commas", parse::origins);
pub(crate) const TRUSTED_PROXIES: Setting<Vec<IpNet>> = Setting::parsed(
    "KAYAN_TRUSTED_PROXIES",
    "Proxies (CIDR, commas) whose X-Forwarded-For is trusted",
    parse::networks,
);
pub(crate) const METRICS_ALLOW: Setting<Vec<IpNet>> = Setting::parsed(
    "KAYAN_METRICS_ALLOW",
    "Networks (CIDR, commas) that may read /metrics without a token",
    parse::networks,
)
.or(PRIVATE);
pub(crate) const TENANT_HOSTS: Setting<TenantHosts> = Setting::parsed(
    "KAYAN_TENANT_HOSTS",
    "Tenants by host: login.acme.example=acme,*.example.com=*",
    parse::tenant_hosts,
);
pub(crate) const RETURN_TO: Setting<Vec<Url>> = Setting::parsed(
    "KAYAN_RETURN_TO",
    "URLs that a browser may be redirected to after a login, separated by commas",
    parse::bare_urls,
);
pub(crate) const IDENTITY_SCHEMA: Setting<String> =
    Setting::text("KAYAN_IDENTITY_SCHEMA", "JSON Schema of the traits: a path, or the JSON itself")
        .computed("email and name");

pub(super) const SECTION: Section = Section {
    title: "HTTP",
    settings: &[
        &HOST,
        &PORT,
        &MAX_CONNECTIONS,
        &PUBLIC_URL,
        &ACCOUNT_URL,
        &CORS_ORIGINS,
        &TRUSTED_PROXIES,
        &METRICS_ALLOW,
        &TENANT_HOSTS,
        &RETURN_TO,
        &IDENTITY_SCHEMA,
    ],
};

/// Warns of proxies and a public URL that are allowed but unsafe.
pub(crate) fn check(values: &Values, findings: &mut Findings) {
    if values.get(&TRUSTED_PROXIES).iter().any(|net| net.prefix_len() == 0) {
        findings.warn(TRUSTED_PROXIES.name, "trusts every address: any client can forge its address");
    }
    if values.production() && values.find(&PUBLIC_URL).is_some_and(|url| url.scheme() == "http") {
        findings.warn(PUBLIC_URL.name, "is not https: browsers will not send the session cookie");
    }
}
