//! The header fields for rate limits (draft-ietf-httpapi-ratelimit-headers).

use std::time::Duration;

use kayan_ports::RateLimit;
use poem::http::{HeaderMap, HeaderName, HeaderValue};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Adds the limit, the number of requests left and the time until it resets.
pub(crate) fn tell(headers: &mut HeaderMap, limit: RateLimit, remaining: u32, reset: Duration) {
    let RateLimit { name, requests, window } = limit;
    // The fields have no smaller unit than a second.
    let policy = format!("\"{name}\";q={requests};w={}", window.as_secs().max(1));
    let state = format!("\"{name}\";r={remaining};t={}", reset.as_secs());
    for (field, value) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, state)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(field, value);
        }
    }
}
