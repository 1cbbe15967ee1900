//! Verifies JWTs (RFC 7515, section 5.2; RFC 9068, section 4).

use jsonwebtoken::{Header, Validation, decode, decode_header, errors::ErrorKind};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{Key, Refusal};

/// The `typ` of an access token (RFC 9068, section 2.1).
const ACCESS_TOKEN: &str = "at+jwt";
/// The longest token, in bytes.
const LONGEST: usize = 16 * 1024;
/// How far the clock of the service that has issued a token may be ahead, in seconds.
const AHEAD: u64 = 30;

/// What a token must be.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Its issuer: the URL of Kayan (`KAYAN_PUBLIC_URL`).
    pub issuer: &'a str,
    /// The audience that it must name.
    pub audience: &'a str,
    /// The tenant that it must be of. All tenants have the same issuer, and their administrators choose the audiences of their tokens.
    pub tenant: &'a str,
    /// The current time, in seconds since 1970.
    pub now: u64,
}

/// The claims of a token that was verified.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Claims {
    /// The issuer.
    pub iss: String,
    /// The id of the user.
    pub sub: String,
    /// The audiences.
    #[serde(deserialize_with = "one_or_more")]
    pub aud: Vec<String>,
    /// When it expires, in seconds since 1970. It is valid before that second.
    pub exp: u64,
    /// When it was issued, in seconds since 1970.
    pub iat: u64,
    /// From when on it is valid, in seconds since 1970.
    pub nbf: Option<u64>,
    /// Its id.
    pub jti: String,
    /// The client that it was issued to.
    pub client_id: String,
    /// The id of the session.
    pub sid: String,
    /// The tenant.
    pub tid: String,
    /// The authenticator assurance level (NIST SP 800-63B): `aal1`, `aal2` or `aal3`.
    pub aal: String,
    /// The authentication methods (RFC 8176).
    pub amr: Vec<String>,
    /// When the user last authenticated, in seconds since 1970.
    pub auth_time: u64,
    /// The claims that the tenant adds.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// The `aud` of a token: a string or an array of them (RFC 7519, section 4.1.3).
fn one_or_more<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Audience {
        One(String),
        More(Vec<String>),
    }
    Ok(match Audience::deserialize(deserializer)? {
        Audience::One(one) => vec![one],
        Audience::More(more) => more,
    })
}

/// The `kid` that the header names, to look the key up by; `None` for a token that is signed with a secret. Nothing of it is
/// verified.
///
/// # Errors
///
/// [`Refusal`], if no key could verify it.
pub fn key_id(token: &str) -> Result<Option<String>, Refusal> {
    Ok(header(token)?.kid)
}

fn header(token: &str) -> Result<Header, Refusal> {
    if token.len() > LONGEST {
        return Err(Refusal::TooLong);
    }
    let header = decode_header(token).map_err(|error| match error.kind() {
        ErrorKind::InvalidAlgorithmName => Refusal::Algorithm,
        _ => Refusal::Malformed,
    })?;
    if header.crit.is_some() {
        return Err(Refusal::Critical);
    }
    // A media type, which is compared without regard to case (RFC 7515, section 4.1.9).
    let kind = header.typ.as_deref().unwrap_or_default();
    if !kind.eq_ignore_ascii_case(ACCESS_TOKEN) {
        return Err(Refusal::Type);
    }
    Ok(header)
}

/// The claims of a token that is signed by this key and is as expected.
///
/// # Errors
///
/// [`Refusal`], with the reason.
pub fn verify(token: &str, key: &Key, expected: &Expected<'_>) -> Result<Claims, Refusal> {
    let claims = signed_by(token, key)?;
    check(&claims, expected)?;
    Ok(claims)
}

/// The claims of a token that is signed by this key, whatever they say.
fn signed_by(token: &str, key: &Key) -> Result<Claims, Refusal> {
    let header = header(token)?;
    if header.alg != key.algorithm {
        return Err(Refusal::Algorithm);
    }
    if header.kid.as_deref() != key.id() {
        return Err(Refusal::Key);
    }
    // The library takes the time from the system, and skips claims that are malformed: `check` looks at all of them.
    let mut validation = Validation::new(key.algorithm);
    validation.required_spec_claims.clear();
    (validation.validate_exp, validation.validate_aud) = (false, false);
    let token = decode::<Claims>(token, &key.decoding, &validation).map_err(|error| match error.kind() {
        ErrorKind::InvalidSignature => Refusal::Signature,
        ErrorKind::InvalidAlgorithm => Refusal::Algorithm,
        _ => Refusal::Malformed,
    })?;
    Ok(token.claims)
}

/// Checks the claims of a token whose signature was verified.
fn check(claims: &Claims, expected: &Expected<'_>) -> Result<(), Refusal> {
    if claims.iss != expected.issuer {
        return Err(Refusal::Issuer);
    }
    if !claims.aud.iter().any(|audience| audience == expected.audience) {
        return Err(Refusal::Audience);
    }
    if claims.tid != expected.tenant {
        return Err(Refusal::Tenant);
    }
    if claims.exp <= expected.now {
        return Err(Refusal::Expired);
    }
    if claims.iat > expected.now + AHEAD || claims.nbf.is_some_and(|from| from > expected.now + AHEAD) {
        return Err(Refusal::Early);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
