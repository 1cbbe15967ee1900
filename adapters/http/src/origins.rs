//! Which web pages may call: cross-origin requests (Fetch standard) and forged ones.

use poem::{
    Request, Response,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
};

use crate::HttpSettings;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const EXPOSED: HeaderValue = HeaderValue::from_static("X-Request-Id, Retry-After, RateLimit, RateLimit-Policy, ETag");
const TAKEN_METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
const TAKEN_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, X-Session-Token, X-Tenant-ID, X-Request-Id, If-Match, Idempotency-Key",
);
const TRUE: HeaderValue = HeaderValue::from_static("true");

fn is_allowed(origin: &str, settings: &HttpSettings) -> bool {
    settings.cors_origins.iter().chain(&settings.public_origin).any(|allowed| allowed.as_str() == origin)
}

/// The answer to a preflight request, if this is one (Fetch standard, section 3.2.2).
pub(crate) fn preflight(request: &Request, settings: &HttpSettings) -> Option<Response> {
    let headers = request.headers();
    if request.method() != Method::OPTIONS || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    let origin = headers.get(header::ORIGIN)?;
    let mut response = Response::builder().status(StatusCode::NO_CONTENT).finish();
    if share(Some(origin), &mut response, settings) {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, TAKEN_METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, TAKEN_HEADERS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
    Some(response)
}

/// Lets an allowed origin's page read the answer; says whether it is one.
pub(crate) fn share(origin: Option<&HeaderValue>, response: &mut Response, settings: &HttpSettings) -> bool {
    let Some(origin) = origin else { return false };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let allowed = origin.to_str().is_ok_and(|origin| is_allowed(origin, settings));
    if allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    allowed
}

/// Whether a state-changing request that a cookie alone authenticates comes from a page that may send it: our own, as
/// the browser asserts (`Sec-Fetch-Site`), or one of an allowed origin.
pub(crate) fn may_use_cookie(method: &Method, headers: &HeaderMap, settings: &HttpSettings) -> bool {
    if method.is_safe() {
        return true;
    }
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(origin) = text(header::ORIGIN) {
        return is_allowed(origin, settings) || is_own(origin, text(header::HOST), settings);
    }
    text(SEC_FETCH_SITE) == Some("same-origin")
}

/// In development the public address is not set: then the host that the browser itself has asked for is ours.
fn is_own(origin: &str, host: Option<&str>, settings: &HttpSettings) -> bool {
    let named = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    settings.public_origin.is_none() && named.is_some() && named == host
}
