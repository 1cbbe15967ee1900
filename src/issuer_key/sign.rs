//! Signs JWTs with a tenant's active issuer key (RFC 7515, section 5.1; RFC 7519, section 7.1).

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::Mac as _;
use kayan_ports::{
    CommitError, Guard, IssuerKey, IssuerKeyState, JwsAlgorithm, JwsKey, KeyUse, SecretOf, TenantId, Unique,
};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::make::{ROUNDS, add, keep_changing};
use crate::{Failure, Kayan, mac::hmac};

/// The `typ` of an access token (RFC 9068, section 2.1).
const ACCESS_TOKEN: &str = "at+jwt";

/// A JWT in the compact serialization (RFC 7515, section 7.1).
fn signed(
    header: &Value,
    claims: &Map<String, Value>,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, Failure>,
) -> Result<String, Failure> {
    let mut token = URL_SAFE_NO_PAD.encode(header.to_string());
    token.push('.');
    let claims = serde_json::to_string(claims).map_err(|error| Failure::Fault(error.to_string()))?;
    URL_SAFE_NO_PAD.encode_string(claims, &mut token);
    let signature = sign(token.as_bytes())?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token)
}

/// The most private keys that are kept in memory; beyond that they are loaded anew.
const MOST_LOADED: usize = 1_000;

impl Kayan {
    /// An access token with these claims, signed with the tenant's active key of the algorithm.
    pub(crate) async fn sign_jwt(
        &self,
        tenant: &TenantId,
        algorithm: JwsAlgorithm,
        claims: &Map<String, Value>,
    ) -> Result<String, Failure> {
        let key = self.active_issuer_key(tenant, KeyUse::Jwt, algorithm).await?;
        let signer = self.loaded(&key).await?;
        let header = json!({ "alg": algorithm.as_str(), "kid": key.id, "typ": ACCESS_TOKEN });
        signed(&header, claims, |message| signer.sign(message))
    }

    /// The same, signed with the first secret: HS256 (RFC 7518, section 3.2).
    pub(crate) fn sign_jwt_with_secret(&self, claims: &Map<String, Value>) -> Result<String, Failure> {
        let secret = self.settings.jwt_secrets.first();
        let secret = secret.ok_or_else(|| Failure::Fault("there is no secret to sign JWTs with".to_owned()))?;
        signed(&json!({ "alg": "HS256", "typ": ACCESS_TOKEN }), claims, |message| {
            let mut mac = hmac(&secret.0);
            mac.update(message);
            Ok(mac.finalize().into_bytes().to_vec())
        })
    }

    /// The tenant's active key of this use and algorithm, made if there is none. It is read anew for each token, so that no replica
    /// signs with a key that was retired.
    pub(crate) async fn active_issuer_key(
        &self,
        tenant: &TenantId,
        usage: KeyUse,
        algorithm: JwsAlgorithm,
    ) -> Result<IssuerKey, Failure> {
        let find = || self.store.issuer_keys.issuer_key(tenant, usage, algorithm, IssuerKeyState::Active);
        if let Some(key) = find().await? {
            return Ok(key);
        }
        // Parallel first uses wait for one RSA key rather than make one each.
        let _one_at_a_time = self.making_key.lock().await;
        for _ in 0..ROUNDS {
            if let Some(key) = find().await? {
                return Ok(key);
            }
            let now = self.clock.now();
            let key = self.make_issuer_key(tenant, (usage, algorithm), IssuerKeyState::Active, now).await?;
            let event = self.issuer_key_event(&key, "key.create", now);
            match self.store.changes.commit(vec![add(&key), event]).await {
                Ok(()) => return Ok(key),
                Err(CommitError::Conflict(Unique::IssuerKey)) => {}
                Err(CommitError::Stale(Guard::Tenant)) => {
                    return Err(Failure::Fault(format!("there is no tenant `{tenant}` to make a signing key for")));
                }
                Err(other) => return Err(other.into()),
            }
        }
        Err(keep_changing())
    }

    /// The private half, opened once in this process.
    async fn loaded(&self, key: &IssuerKey) -> Result<Arc<dyn JwsKey>, Failure> {
        if let Some(known) = self.issuer_keys.lock().get(&key.id) {
            return Ok(known.clone());
        }
        let (_, loaded) = self.private_half(key).await?;
        let mut known = self.issuer_keys.lock();
        if known.len() >= MOST_LOADED {
            known.clear();
        }
        known.insert(key.id, loaded.clone());
        Ok(loaded)
    }

    /// The private half, as PKCS #8 and loaded.
    pub(super) async fn private_half(&self, key: &IssuerKey) -> Result<(Zeroizing<Vec<u8>>, Arc<dyn JwsKey>), Failure> {
        let sealed = key.private.as_ref().ok_or_else(|| damaged(key))?;
        let IssuerKey { id, tenant, usage, algorithm, public, .. } = key;
        let of = SecretOf::IssuerKey { tenant, usage: *usage, algorithm: *algorithm, key: *id };
        let private = self.keys.open(of, sealed).await?;
        let loaded = self.jws.load(*algorithm, &private)?;
        // Verifiers know only the public half.
        if loaded.public(*id) == *public { Ok((private, loaded)) } else { Err(damaged(key)) }
    }
}

pub(super) fn damaged(key: &IssuerKey) -> Failure {
    Failure::Fault(format!("the signing key {} is damaged", key.id))
}
