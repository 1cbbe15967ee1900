//! Verifies session JWTs, and remembers what it has verified.

use aws_lc_rs::digest::{Context, SHA256};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kayan_ports::{ExpectedJwt, JwtKey, KeyId, TenantId, TokenHash, VerifiedBy};
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

/// A token whose signature, issuer and audience were verified.
#[derive(Clone)]
struct Verified {
    tenant: TenantId,
    /// When it expires, in seconds since 1970.
    expires: u64,
    token: TokenHash,
}

/// The tokens that were verified. To verify a signature takes longer than all else that a request for `whoami` does.
pub(crate) struct SessionJwts(Cache<Digest, Verified>);

impl Default for SessionJwts {
    fn default() -> Self {
        Self(Cache::new(CAPACITY))
    }
}

/// What verifies the token, as its header says.
pub(crate) fn verified_by(token: &str) -> Option<VerifiedBy> {
    let Some(id) = jwt::key_id(token).ok()? else { return Some(VerifiedBy::Secret) };
    Some(VerifiedBy::Key(KeyId(Uuid::try_parse(&id).ok()?)))
}

impl SessionJwts {
    /// The hash of the session token in a JWT, which is its `jti`; `None` if the JWT is not as expected. `key` is the one that its
    /// header names: a key never changes under its id.
    pub(crate) fn session_token(&self, token: &str, key: JwtKey<'_>, expected: &ExpectedJwt<'_>) -> Option<TokenHash> {
        let now = u64::try_from(expected.at.unix_timestamp()).ok()?;
        let digest = digest(expected.issuer, token);
        let verified = if let Some(verified) = self.0.get(&digest) {
            verified
        } else {
            let verified = verify(token, key, expected.issuer, now)?;
            self.0.insert(digest, verified.clone());
            verified
        };
        (verified.tenant == *expected.tenant && now < verified.expires).then_some(verified.token)
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

fn verify(token: &str, key: JwtKey<'_>, issuer: &str, now: u64) -> Option<Verified> {
    let key = match key {
        JwtKey::Secret(secret) => Key::from_secret(secret),
        JwtKey::Public(jwk) => Key::from_jwk(&serde_json::to_value(jwk).ok()?),
    };
    let claims = jwt::verify(token, &key.ok()?, &Expected { issuer, audience: issuer, now }).ok()?;
    let hash = URL_SAFE_NO_PAD.decode(&claims.jti).ok()?;
    let token = TokenHash(hash.try_into().ok()?);
    Some(Verified { tenant: claims.tid.parse().ok()?, expires: claims.exp, token })
}

#[cfg(test)]
mod tests;
