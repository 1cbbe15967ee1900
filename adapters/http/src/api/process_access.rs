//! Who may read the metrics and profiles of the process: administrators, and clients at certain addresses.

use std::net::IpAddr;

use kayan_core::Operator;
use poem::{Request, RequestBody, Result};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, registry::Registry};

use crate::{
    HttpSettings,
    admin::operator::Admin,
    edge::{Request as Context, origins},
};

/// Headers that proxies add. A request with one of them does not come from the peer itself.
const BY_PROXIES: [&str; 6] =
    ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "forwarded", "via"];

/// May take profiles: an administrator, or, in development, a client on the same machine.
pub(crate) struct DebugAccess(pub(crate) Option<Operator>);

/// May read the metrics: an administrator, or a client at an address that is allowed to.
pub(crate) struct MetricsAccess(pub(crate) Option<Operator>);

macro_rules! without_token {
    ($($name:ident if $is_allowed:expr;)+) => {
        $(impl<'a> ApiExtractor<'a> for $name {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                Admin::register(registry);
            }

            fn security_schemes() -> Vec<&'static str> {
                Admin::security_schemes()
            }

            /// A client at an allowed address needs no token.
            fn has_security_fallback() -> bool {
                true
            }

            async fn from_request(
                request: &'a Request,
                body: &mut RequestBody,
                options: ExtractParamOptions<()>,
            ) -> Result<Self> {
                let context = Context::of(request)?;
                let is_allowed: fn(&HttpSettings, IpAddr) -> bool = $is_allowed;
                if direct(request)?.is_some_and(|ip| is_allowed(&context.app.settings, ip)) {
                    return Ok(Self(None));
                }
                let Admin(operator) = Admin::from_request(request, body, options).await?;
                Ok(Self(Some(operator)))
            }
        })+
    };
}

without_token! {
    DebugAccess if |settings, ip| settings.development && ip.is_loopback() && !is_proxy(settings, ip);
    MetricsAccess if may_read_metrics;
}

/// Whether the address is allowed. A trusted proxy must be named itself, not only a network that contains it: a request from a
/// proxy that adds no header can come from anyone.
fn may_read_metrics(settings: &HttpSettings, ip: IpAddr) -> bool {
    let mut allowed = settings.metrics_allow.iter().filter(|net| net.contains(&ip));
    allowed.any(|net| net.prefix_len() == net.max_prefix_len() || !is_proxy(settings, ip))
}

fn is_proxy(settings: &HttpSettings, ip: IpAddr) -> bool {
    settings.trusted_proxies.iter().any(|net| net.contains(&ip))
}

/// The address of a client that sends the request itself: not through a proxy that says so, and not because a page of another
/// site told its browser to.
fn direct(request: &Request) -> Result<Option<IpAddr>> {
    let context = Context::of(request)?;
    let is_proxied = BY_PROXIES.iter().any(|name| request.headers().contains_key(*name));
    Ok(context.ip.filter(|_| !is_proxied && !origins::is_cross_site(request, &context.app.settings)))
}
