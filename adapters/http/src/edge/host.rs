//! The host and the tenant that a request names.

use poem::{
    Request, Result,
    http::{HeaderMap, HeaderName, header},
};

use crate::wire::{codes::Code, problem::Problem};

/// The header that names a tenant.
pub(crate) const TENANT: HeaderName = HeaderName::from_static("x-tenant-id");

/// The host, with its port if there is one: the target's authority (`:authority` in HTTP/2, the absolute form in HTTP/1.1),
/// or else the `Host` header (RFC 9110, section 7.2; RFC 9112, section 3.2.2).
pub(crate) fn host(request: &Request) -> Option<&str> {
    match request.uri().authority() {
        Some(authority) => authority.as_str().rsplit('@').next(),
        None => request.headers().get(header::HOST).and_then(|host| host.to_str().ok()),
    }
}

/// Refuses a request that names its host or its tenant twice: a proxy in front may have used the other one.
pub(crate) fn named_once(headers: &HeaderMap) -> Result<()> {
    for (name, shown) in [(header::HOST, "Host"), (TENANT, "X-Tenant-ID")] {
        if headers.get_all(&name).iter().nth(1).is_some() {
            let message = format!("the header {shown} was sent more than once; send it once");
            return Err(Problem::new(Code::InvalidInput).message(message).into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str, host: Option<&str>) -> Request {
        let request = Request::builder().uri(target.parse().unwrap());
        host.into_iter().fold(request, |request, host| request.header(header::HOST, host)).finish()
    }

    #[test]
    fn the_authority_of_the_target_comes_before_the_host_header() {
        for (target, header, expected) in [
            ("/x", Some("b.example:8080"), Some("b.example:8080")),
            ("http://a.example/x", Some("b.example"), Some("a.example")),
            ("http://a.example:8080", None, Some("a.example:8080")),
            ("http://user:password@a.example/x", None, Some("a.example")),
            ("http://[::1]:8080/x", None, Some("[::1]:8080")),
            ("/x", None, None),
        ] {
            assert_eq!(host(&request(target, header)), expected, "{target} {header:?}");
        }
    }
}
