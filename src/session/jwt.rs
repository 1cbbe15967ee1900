//! Writes session tokens as JWTs, and reads those that are presented (RFC 9068).
//!
//! The JWT holds the hash of an opaque session token as its id. So every revocation holds for it here as for the opaque one, and a
//! signing key alone opens no session.

use std::{fmt, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kayan_ports::{
    ExpectedJwt, IssuerKeyState, Jwk, JwsAlgorithm, JwtKey, KeyId, KeyUse, Scope, TenantId, TenantSettings, Timestamp,
    TokenHash, VerifiedBy,
};
use serde_json::{Map, json};
use zeroize::Zeroizing;

use super::jwt_claims::JwtFor;
use crate::{
    Failure, Kayan, Lifetimes, Opened, Purpose, Token,
    policy::{lifetime::Expiry, tenant, token_claims::RESERVED},
};

/// How long a public key is cached: one that was retired verifies nothing after that (I-22).
const KEY_CACHED: time::Duration = time::Duration::seconds(5);
/// The largest claims, in bytes of JSON: with more, a token would exceed the headers that proxies take. Then those of the tenant are
/// left out, so that no user's traits can keep them from logging in.
const LARGEST_CLAIMS: usize = 5_500;
/// The most public keys that are cached.
const MOST_CACHED: usize = 1_000;

/// How session tokens are written as JWTs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionJwts {
    /// The longest that one lives.
    pub ttl: Duration,
    /// The algorithm of the tenant's key that signs; `None`: HS256, with the first of [`Settings::jwt_secrets`](crate::Settings).
    pub algorithm: Option<JwsAlgorithm>,
}

/// A secret for HS256. Prints without it.
#[derive(Clone)]
pub struct JwtSecret(pub Zeroizing<Vec<u8>>);

impl fmt::Debug for JwtSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtSecret([redacted])")
    }
}

/// A public key that was read a moment ago.
pub(crate) struct CachedKey {
    tenant: TenantId,
    public: Arc<Jwk>,
    until: Timestamp,
}

impl Kayan {
    /// When tokens of this tenant that are issued now expire, in a session that ends at `ends_at`. A JWT can't be revoked everywhere at
    /// once, so it is short even where a session token is not, and it expires at a whole second.
    pub(crate) fn expiry(&self, settings: &TenantSettings, now: Timestamp, ends_at: Timestamp) -> Expiry {
        let own = tenant::lifetimes(self.settings.lifetimes, settings);
        let Some(jwts) = self.settings.session_jwts else { return own.expiry(now, ends_at) };
        let expiry = Lifetimes { session: own.session.min(jwts.ttl), ..own }.expiry(now, ends_at);
        Expiry { session: expiry.session.truncate_to_second(), ..expiry }
    }

    /// The session with its token as a JWT as well, if the service issues those.
    pub(crate) async fn with_jwt(&self, mut opened: Opened, settings: &TenantSettings) -> Result<Opened, Failure> {
        let Some(jwts) = self.settings.session_jwts else { return Ok(opened) };
        let Opened { session, identity, .. } = &opened;
        let issuer = &self.settings.issuer;
        // One secret signs for all tenants: none of them may name the audience of another.
        let other = settings.session_audience.as_ref().filter(|_| jwts.algorithm.is_some());
        let other = other.and_then(|name| settings.jwt_audiences.iter().find(|it| it.audience == *name));
        let none = Map::new();
        let of = JwtFor {
            audience: other.map_or_else(|| json!(issuer), |other| json!([issuer, other.audience])),
            template: other.map_or(&none, |other| &other.claims),
            id: URL_SAFE_NO_PAD.encode(session.token.0),
            issued_at: session.last_seen_at,
            expires_at: session.expires_at,
        };
        let mut claims = self.jwt_claims(session, identity, of);
        // Those of the service alone are never so large.
        if other.is_some() && serde_json::to_string(&claims).map_or(0, |text| text.len()) > LARGEST_CLAIMS {
            claims.retain(|name, _| RESERVED.contains(&name.as_str()));
        }
        let token = match jwts.algorithm {
            Some(algorithm) => self.sign_jwt(&identity.tenant, algorithm, &claims).await?,
            None => self.sign_jwt_with_secret(&claims)?,
        };
        opened.jwt = Some(Zeroizing::new(token));
        Ok(opened)
    }

    /// The hash of the session token that is presented, whether it is opaque or a JWT, and whichever of them the service issues;
    /// `None` if it is neither.
    pub async fn presented_token(&self, tenant: &TenantId, text: &str) -> Result<Option<TokenHash>, Failure> {
        if let Some(token) = Token::read(Purpose::Session, text) {
            return Ok(Some(token.hash()));
        }
        let Some(verified_by) = self.jws.verified_by(text) else { return Ok(None) };
        let now = self.clock.now();
        let expected = ExpectedJwt { issuer: &self.settings.issuer, tenant, at: now };
        let token = |key: JwtKey<'_>| self.jws.session_token(text, key, &expected);
        match verified_by {
            VerifiedBy::Secret => {
                let secrets = self.settings.jwt_secrets.iter();
                secrets
                    .map(|secret| token(JwtKey::Secret(&secret.0)))
                    .find(|read| *read != Ok(None))
                    .unwrap_or(Ok(None))
            }
            VerifiedBy::Key(id) => match self.verifying_key(tenant, id, now).await? {
                Some(key) => token(JwtKey::Public(&key)),
                None => Ok(None),
            },
        }
    }

    /// The tenant's public key with this id, if it is published.
    async fn verifying_key(&self, tenant: &TenantId, id: KeyId, now: Timestamp) -> Result<Option<Arc<Jwk>>, Failure> {
        let cached = |key: &CachedKey| (key.tenant == *tenant && now < key.until).then(|| key.public.clone());
        if let Some(public) = self.verifying_keys.lock().get(&id).and_then(cached) {
            return Ok(Some(public));
        }
        let found = self.store.issuer_keys.issuer_key_of_id(&Scope::Tenant(tenant.clone()), id).await?;
        let published = found.filter(|key| key.usage == KeyUse::Jwt && key.state != IssuerKeyState::Retired);
        let mut keys = self.verifying_keys.lock();
        let Some(key) = published else { return Ok(None) };
        if keys.len() >= MOST_CACHED {
            keys.clear();
        }
        let public = Arc::new(key.public);
        keys.insert(id, CachedKey { tenant: key.tenant, public: public.clone(), until: now + KEY_CACHED });
        Ok(Some(public))
    }
}

#[cfg(test)]
mod tests;
