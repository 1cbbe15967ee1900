//! Claims that a provider gives at its userinfo endpoint only (OpenID Connect Core 1.0, section 5.3).

use kayan_ports::{ProviderAssertion, ProviderError};
use serde_json::{Map, Value};
use url::Url;

use crate::http::Http;

/// Adds what the endpoint says of the same subject, and the ID token did not.
pub(crate) async fn add(
    http: &Http,
    (endpoint, access_token): (&Url, &str),
    mut assertion: ProviderAssertion,
) -> Result<ProviderAssertion, ProviderError> {
    let response = http.get(endpoint, Some(access_token)).await;
    let response = response.map_err(|why| ProviderError::Unavailable(format!("its userinfo: {why}")))?;
    if response.status.as_u16() != 200 {
        return Err(ProviderError::Unavailable(format!(
            "its userinfo answers with status {}",
            response.status.as_u16()
        )));
    }
    let claims: Map<String, Value> = serde_json::from_slice(&response.body)
        .map_err(|_| ProviderError::Refused("the userinfo is no JSON object".to_owned()))?;
    // Else the claims of another user could be put in the place of this one's (section 5.3.2).
    if claims.get("sub").and_then(Value::as_str) != Some(&assertion.subject) {
        return Err(ProviderError::Refused("the userinfo is of another subject".to_owned()));
    }
    for (name, value) in claims {
        assertion.claims.entry(name).or_insert(value);
    }
    if assertion.email.is_none() {
        assertion.email = assertion.claims.get("email").and_then(Value::as_str).map(str::to_owned);
        // Some providers send a text.
        let verified = assertion.claims.get("email_verified");
        assertion.email_verified = verified.is_some_and(|it| *it == Value::Bool(true) || it.as_str() == Some("true"));
    }
    Ok(assertion)
}
