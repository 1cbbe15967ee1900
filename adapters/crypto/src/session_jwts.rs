//! Verifies session JWTs, and remembers what it has verified.

use aws_lc_rs::digest::{Context, SHA256};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kayan_ports::{ExpectedJwt, Failure, JwtKey, KeyId, TenantId, TokenHash, VerifiedBy};
use kayan_verify::{
    Key,
    jwt::{self, Expected},
};
use quick_cache::sync::Cache;
use uuid::Uuid;

/// How many tokens are remembered, of about 200 bytes each.
const CAPACITY: usize = 10_000;

/// The SHA-256 of an issuer and of a token that it has signed.
type Digest = [u8; 32];

/// A token that was verified.
#[derive(Clone)]
struct Verified {
    tenant: TenantId,
    /// When it expires, in seconds since 1970.
    expires: u64,
    token: TokenHash,
}

/// The tokens that were verified. To verify a signature takes longer than all else that a request for `whoami` does.
pub(crate) struct VerifiedJwts(Cache<Digest, Verified>);

impl Default for VerifiedJwts {
    fn default() -> Self {
        Self(Cache::new(CAPACITY))
    }
}

/// What verifies the token, as its header says.
pub(crate) fn verified_by(token: &str) -> Option<VerifiedBy> {
    let Some(id) = jwt::key_id(token).ok()? else { return Some(VerifiedBy::Secret) };
    Some(VerifiedBy::Key(KeyId(Uuid::try_parse(&id).ok()?)))
}

impl VerifiedJwts {
    /// The hash of the session token in a JWT, which is its `jti`; `None` if the JWT is not as expected. `key` is the one that its
    /// header names: a key never changes under its id, and a secret not while the process runs.
    pub(crate) fn session_token(
        &self,
        token: &str,
        key: JwtKey<'_>,
        expected: &ExpectedJwt<'_>,
    ) -> Result<Option<TokenHash>, Failure> {
        let now = u64::try_from(expected.at.unix_timestamp()).unwrap_or_default();
        let digest = digest(expected.issuer, token);
        let verified = if let Some(known) = self.0.get(&digest) {
            Some(known)
        } else {
            verify(token, key, expected, now)?.inspect(|verified| self.0.insert(digest, verified.clone()))
        };
        let is_valid = |it: &Verified| it.tenant == *expected.tenant && now < it.expires;
        Ok(verified.filter(is_valid).map(|verified| verified.token))
    }
}

fn digest(issuer: &str, token: &str) -> Digest {
    let mut context = Context::new(&SHA256);
    for part in [issuer.as_bytes(), b"\0", token.as_bytes()] {
        context.update(part);
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

fn verify(token: &str, key: JwtKey<'_>, expected: &ExpectedJwt<'_>, now: u64) -> Result<Option<Verified>, Failure> {
    let damaged = |why: String| Failure::Fault(format!("a key that verifies session tokens can't be used: {why}"));
    let key = match key {
        JwtKey::Secret(secret) => Key::from_secret(secret),
        JwtKey::Public(jwk) => Key::from_jwk(&serde_json::to_value(jwk).map_err(|error| damaged(error.to_string()))?),
    };
    let key = key.map_err(|error| damaged(error.to_string()))?;
    let ExpectedJwt { issuer, tenant, .. } = *expected;
    let expected = Expected { issuer, audience: issuer, tenant: tenant.as_str(), now };
    match jwt::verify(token, &key, &expected) {
        Ok(claims) => {
            let hash = URL_SAFE_NO_PAD.decode(&claims.jti).ok().and_then(|hash| hash.try_into().ok());
            Ok(hash.map(|hash| Verified { tenant: tenant.clone(), expires: claims.exp, token: TokenHash(hash) }))
        }
        Err(refusal) => {
            tracing::debug!(%refusal, "a session token is refused");
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests;
