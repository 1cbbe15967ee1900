//! Verifies ID tokens (OpenID Connect Core 1.0, section 3.1.3.7).

use std::str::FromStr as _;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use kayan_ports::{ProviderAssertion, Timestamp};
use openidconnect::{
    AccessToken, AccessTokenHash, ClaimsVerificationError, ClientId, IssuerUrl, Nonce, SignatureVerificationError,
    core::{CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeySet, CoreJwsSigningAlgorithm},
};
use serde_json::{Map, Value};
use time::Duration;

/// How far the clocks of the provider and of this service may be apart.
const LEEWAY: Duration = Duration::seconds(30);
/// How long ago a token may have been issued: the code that it came for is redeemed at once.
const OLDEST: Duration = Duration::minutes(10);
/// The longest token, in bytes.
const LONGEST: usize = 64 * 1024;
/// The longest subject, in ASCII characters (OpenID Connect Core 1.0, section 2).
const LONGEST_SUBJECT: usize = 255;

/// What a token must be of.
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) algorithms: Vec<CoreJwsSigningAlgorithm>,
    /// The access token that came with it.
    pub(crate) access_token: Option<&'a str>,
    /// How long ago the user may have authenticated, in seconds.
    pub(crate) max_age: Option<u32>,
    pub(crate) now: Timestamp,
}

/// Why a token is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RefusedToken {
    /// It is signed by a key that the provider may have published since.
    #[error("the ID token is signed by an unknown key")]
    UnknownKey,
    #[error("the ID token {0}")]
    Refused(String),
}

fn refused(why: impl Into<String>) -> RefusedToken {
    RefusedToken::Refused(why.into())
}

/// Verifies a token by these keys.
pub(crate) fn verify(
    text: &str,
    keys: &CoreJsonWebKeySet,
    expected: &Expected<'_>,
) -> Result<ProviderAssertion, RefusedToken> {
    if text.len() > LONGEST {
        return Err(refused(format!("has more than {LONGEST} bytes")));
    }
    let token = CoreIdToken::from_str(text).map_err(|_| refused("is no signed JWT with the claims of an ID token"))?;
    let (now, leeway) = (moment(expected.now)?, chrono::TimeDelta::seconds(LEEWAY.whole_seconds()));
    let oldest = now - chrono::TimeDelta::seconds(OLDEST.whole_seconds()) - leeway;
    let issuer = IssuerUrl::new(expected.issuer.to_owned()).map_err(|_| refused("has an issuer that is no URL"))?;
    // As that of a public client, it takes no token that is signed with the client's secret.
    let verifier =
        CoreIdTokenVerifier::new_public_client(ClientId::new(expected.client_id.to_owned()), issuer, keys.clone())
            .set_allowed_algs(expected.algorithms.clone())
            .set_time_fn(move || now - leeway);
    let claims = token.claims(&verifier, &Nonce::new(expected.nonce.to_owned())).map_err(unverified)?;
    if claims.issue_time() > now + leeway || claims.issue_time() < oldest {
        return Err(refused("was issued in the future or too long ago (iat)"));
    }
    if claims.authorized_party().is_some_and(|party| party.as_str() != expected.client_id) {
        return Err(refused("is for another authorized party (azp)"));
    }
    if let Some(hash) = claims.access_token_hash() {
        let unusable = |_| refused("has an access token hash that can't be checked");
        let access =
            expected.access_token.ok_or_else(|| refused("has the hash of an access token that did not come"))?;
        let (alg, key) = (token.signing_alg().map_err(unusable)?, token.signing_key(&verifier).map_err(unusable)?);
        let made = AccessTokenHash::from_token(&AccessToken::new(access.to_owned()), alg, key);
        if made.map_err(|_| refused("has an access token hash that can't be checked"))? != *hash {
            return Err(refused("has the hash of another access token"));
        }
    }
    if let Some(max_age) = expected.max_age {
        let at = claims.auth_time().ok_or_else(|| refused("does not say when the user authenticated (auth_time)"))?;
        if at < now - chrono::TimeDelta::seconds(max_age.into()) - leeway {
            return Err(refused("is of an authentication longer ago than max_age"));
        }
    }
    let subject = claims.subject().as_str();
    if subject.is_empty() || subject.len() > LONGEST_SUBJECT || !subject.is_ascii() {
        return Err(refused("has a subject that is empty, too long or not ASCII"));
    }
    Ok(ProviderAssertion {
        issuer: expected.issuer.to_owned(),
        subject: subject.to_owned(),
        email: claims.email().map(|email| email.to_string()),
        email_verified: claims.email_verified().unwrap_or_default(),
        amr: claims.auth_method_refs().into_iter().flatten().map(|value| value.to_string()).collect(),
        acr: claims.auth_context_ref().map(|value| value.to_string()),
        claims: payload(text).ok_or_else(|| refused("has a payload that is no JSON object"))?,
    })
}

fn moment(at: Timestamp) -> Result<DateTime<Utc>, RefusedToken> {
    DateTime::from_timestamp(at.unix_timestamp(), 0).ok_or_else(|| refused("can't be dated"))
}

/// The library's texts may hold what the token says: only kinds are told.
fn unverified(error: ClaimsVerificationError) -> RefusedToken {
    refused(match error {
        ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey) => {
            return RefusedToken::UnknownKey;
        }
        ClaimsVerificationError::SignatureVerification(SignatureVerificationError::AmbiguousKeyId(_)) => {
            "does not say which of several keys has signed it (kid)"
        }
        ClaimsVerificationError::SignatureVerification(
            SignatureVerificationError::DisallowedAlg(_)
            | SignatureVerificationError::UnsupportedAlg(_)
            | SignatureVerificationError::NoSignature,
        ) => "is signed by an algorithm that is not allowed, or not at all (alg)",
        ClaimsVerificationError::SignatureVerification(_) => "has a signature that does not verify",
        ClaimsVerificationError::Expired(_) => "has expired (exp)",
        ClaimsVerificationError::InvalidAudience(_) => "is for another audience (aud)",
        ClaimsVerificationError::InvalidIssuer(_) => "is of another issuer (iss)",
        ClaimsVerificationError::InvalidNonce(_) => "is of another login (nonce)",
        _ => "does not verify",
    })
}

/// The claims as they are; they were verified already.
fn payload(text: &str) -> Option<Map<String, Value>> {
    let part = text.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
