//! Who may look at the process itself: an administrator, or whoever is near enough.

use std::net::IpAddr;

use kayan_core::Insider;
use poem::{Request, RequestBody, Result};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, registry::Registry};

use crate::{admin::operator::Admin, edge::Request as Context};

/// What a proxy adds: whoever comes through one comes from elsewhere, whatever its own address is.
const BY_PROXIES: [&str; 4] = ["x-forwarded-for", "x-real-ip", "forwarded", "via"];

/// Somebody who may look at everything: an administrator; in development, whoever is at this machine.
pub(crate) struct Inside(pub(crate) Insider);

/// Somebody who may look at the metrics: an administrator, or whoever is in the same network.
pub(crate) struct Near(pub(crate) Insider);

macro_rules! like_admin {
    ($($name:ident if $is_near:expr;)+) => {
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

            /// Whoever is near enough needs no token.
            fn has_security_fallback() -> bool {
                true
            }

            async fn from_request(
                request: &'a Request,
                body: &mut RequestBody,
                options: ExtractParamOptions<()>,
            ) -> Result<Self> {
                let context = Context::of(request)?;
                let direct = BY_PROXIES.iter().all(|name| !request.headers().contains_key(*name));
                let is_near: fn(&Context, IpAddr) -> bool = $is_near;
                if direct && context.ip.is_some_and(|ip| is_near(context, ip)) {
                    return Ok(Self(None));
                }
                let Admin(operator) = Admin::from_request(request, body, options).await?;
                Ok(Self(Some(operator)))
            }
        })+
    };
}

like_admin! {
    Inside if |context, ip| context.app.settings.open_debug && ip.is_loopback();
    Near if |_, ip| is_private(ip);
}

/// Loopback, RFC 1918, RFC 3927, and their like in IPv6 (RFC 4193, RFC 4291).
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_near_and_public_ones_are_not() {
        for near in ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.1.1", "::1", "fd00::1", "fe80::1"] {
            assert!(is_private(near.parse().unwrap()), "{near}");
        }
        for far in ["8.8.8.8", "172.32.0.1", "100.64.0.1", "2001:db8::1", "0.0.0.0", "::"] {
            assert!(!is_private(far.parse().unwrap()), "{far}");
        }
    }
}
