//! Cross-origin requests (CORS, Fetch standard) and cross-site request forgery.

use poem::{
    Request, Response,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
};

use url::Url;

use crate::{HttpSettings, edge::host::host};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const EXPOSED: HeaderValue =
    HeaderValue::from_static("X-Request-Id, Retry-After, RateLimit, RateLimit-Policy, ETag, Content-Disposition");
const TAKEN_METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
const TAKEN_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, X-Session-Token, X-Tenant-ID, X-Request-Id, If-Match, Idempotency-Key, traceparent, tracestate",
);
const TRUE: HeaderValue = HeaderValue::from_static("true");

fn is_allowed(origin: &str, settings: &HttpSettings) -> bool {
    settings.cors_origins.iter().chain(&settings.public_origin).any(|allowed| allowed.as_str() == origin)
}

/// The response to a preflight request, if this is one (Fetch standard, section 3.2.2).
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

/// Allows pages of an allowed origin to read the response. Returns whether the origin is allowed.
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

/// Whether a request may be authenticated by its cookie: it changes nothing, or comes from a page of our own, as the browser
/// states (`Sec-Fetch-Site`), or of an allowed origin.
pub(crate) fn may_use_cookie(request: &Request, settings: &HttpSettings) -> bool {
    request.method().is_safe() || comes_from_own_page(request, settings) == Some(true)
}

/// Whether a page of this very origin sends the request, as its browser states.
pub(crate) fn is_same_origin(request: &Request) -> bool {
    request.headers().get(SEC_FETCH_SITE).is_some_and(|site| site == "same-origin")
}

/// Whether a page of another site sends the request, as its browser states.
pub(crate) fn is_cross_site(request: &Request, settings: &HttpSettings) -> bool {
    comes_from_own_page(request, settings) == Some(false)
}

/// Whether the user, a page of this very origin or one of an allowed origin has sent the browser here, as it states itself. A
/// browser that follows a link sends no `Origin`, but where it comes from (`Referer`).
pub(crate) fn is_own_navigation(request: &Request, settings: &HttpSettings) -> bool {
    let headers = request.headers();
    let is_own = headers.get(SEC_FETCH_SITE).is_some_and(|site| site == "same-origin" || site == "none");
    let from = headers.get(header::REFERER).and_then(|from| from.to_str().ok()).and_then(|from| Url::parse(from).ok());
    is_own || from.is_some_and(|from| is_allowed(&from.origin().ascii_serialization(), settings))
}

/// Whether a request comes from a page that may use its visitor's session; `None` if it doesn't come from a page, or the
/// browser doesn't state from which.
fn comes_from_own_page(request: &Request, settings: &HttpSettings) -> Option<bool> {
    let headers = request.headers();
    if let Some(origin) = headers.get(header::ORIGIN) {
        let is_good = |origin| is_allowed(origin, settings) || is_own(origin, host(request), settings);
        return Some(origin.to_str().is_ok_and(is_good));
    }
    match headers.get(SEC_FETCH_SITE)?.as_bytes() {
        b"same-origin" => Some(true),
        // The user has typed the address.
        b"none" => None,
        _ => Some(false),
    }
}

/// In development no public origin is configured: then the host that the browser requests is our own.
fn is_own(origin: &str, host: Option<&str>, settings: &HttpSettings) -> bool {
    let named = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    settings.public_origin.is_none() && named.is_some() && named == host
}
