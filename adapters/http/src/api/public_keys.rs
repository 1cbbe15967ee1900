//! The public keys that verify the tokens of a tenant, for other services to cache.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kayan_core::{BiscuitKey, Failure, PublishedKeysError, policy::key_rotation::CACHED};
use kayan_ports::TenantId;
use poem::{Request, http::header};
use poem_openapi::{ApiResponse, Enum, Object, OpenApi, types::Type};
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    Application, Tag,
    edge::caller::named_tenant,
    wire::{
        jws::KeySet,
        query::Query,
        refused::{Refused, refusals},
        reply::Reply,
    },
};

/// The endpoints of this family.
#[derive(Clone)]
pub(crate) struct PublicKeys {
    /// The application that they serve.
    pub(crate) app: Arc<Application>,
}

/// The algorithm of a key that verifies biscuits.
#[derive(Debug, Clone, Copy, Enum, Serialize)]
#[oai(rename = "BiscuitAlgorithm")]
enum BiscuitAlgorithm {
    /// Ed25519.
    #[oai(rename = "ed25519")]
    #[serde(rename = "ed25519")]
    Ed25519,
}

/// A public key that verifies biscuits.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "BiscuitPublicKey")]
struct PublicKey {
    /// The id of the key, a UUIDv7.
    key_id: Uuid,
    /// The `root_key_id` of the biscuits that it verifies: the last eight digits of its id, as a number.
    root_key_id: u32,
    /// The algorithm that it verifies, and no other.
    algorithm: BiscuitAlgorithm,
    /// The public key, in hexadecimal.
    public_key: String,
}

impl From<BiscuitKey> for PublicKey {
    fn from(key: BiscuitKey) -> Self {
        let BiscuitKey { id, root_key_id, public } = key;
        Self { key_id: id.0, root_key_id, algorithm: BiscuitAlgorithm::Ed25519, public_key: public }
    }
}

/// The public keys of a tenant that verify biscuits.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "BiscuitPublicKeySet")]
struct BiscuitKeySet {
    /// The keys that verify biscuits now or soon, the newest first.
    keys: Vec<PublicKey>,
}

#[derive(ApiResponse)]
enum KeysAnswer<T: Type + Serialize> {
    /// The public keys.
    #[oai(status = 200)]
    Keys(
        Reply<T>,
        /// The tag of these keys, for `If-None-Match` (RFC 9110, section 8.8.3).
        #[oai(header = "ETag")]
        String,
        /// How long they may be cached.
        #[oai(header = "Cache-Control")]
        String,
        /// `X-Tenant-ID`: each tenant has keys of its own.
        #[oai(header = "Vary")]
        String,
    ),
    /// The keys still are those of the tag in `If-None-Match`.
    #[oai(status = 304)]
    Unchanged(
        /// The tag of these keys, for `If-None-Match` (RFC 9110, section 8.8.3).
        #[oai(header = "ETag")]
        String,
        /// How long they may be cached.
        #[oai(header = "Cache-Control")]
        String,
        /// `X-Tenant-ID`: each tenant has keys of its own.
        #[oai(header = "Vary")]
        String,
    ),
}

#[OpenApi(prefix_path = "/.well-known", tag = "Tag::System")]
impl PublicKeys {
    /// List the public keys
    ///
    /// The public keys that verify the JWTs of a tenant (RFC 7517, section 5). A key is published ten minutes before it signs, and
    /// until the last token that it signed has expired. They may be cached for five minutes, and should be read anew when a token
    /// names a key that is not known. `If-None-Match` is answered with 304 while nothing has changed.
    #[oai(path = "/jwks.json", method = "get", operation_id = "publicKeys")]
    async fn jwks(
        &self,
        request: &Request,
        /// The tenant, for verifiers that can't send `X-Tenant-ID`. Default: that of the header or of the host, or else `default`.
        #[oai(validator(max_length = 63))]
        tenant: Query<Option<String>>,
    ) -> Result<KeysAnswer<KeySet>, Refused<PublishedKeysError>> {
        let tenant = chosen(request, tenant.0)?;
        let keys = self.app.kayan.published_keys(&tenant).await?;
        let tag = tag(keys.iter().map(|key| key.kid.clone()));
        Ok(answer(request, tag, &keys.into()))
    }

    /// List the public keys for biscuits
    ///
    /// The public keys that verify the biscuits of a tenant. A key is published ten minutes before it signs, and until the last
    /// biscuit that it signed has expired. They may be cached for five minutes, and should be read anew when a biscuit names a
    /// `root_key_id` that is not known. `If-None-Match` is answered with 304 while nothing has changed.
    #[oai(path = "/kayan/biscuit-keys.json", method = "get", operation_id = "biscuitKeys")]
    async fn biscuit_keys(
        &self,
        request: &Request,
        /// The tenant, for verifiers that can't send `X-Tenant-ID`. Default: that of the header or of the host, or else `default`.
        #[oai(validator(max_length = 63))]
        tenant: Query<Option<String>>,
    ) -> Result<KeysAnswer<BiscuitKeySet>, Refused<PublishedKeysError>> {
        let tenant = chosen(request, tenant.0)?;
        let keys = self.app.kayan.published_biscuit_keys(&tenant).await?;
        let tag = tag(keys.iter().map(|key| key.id.to_string()));
        Ok(answer(request, tag, &BiscuitKeySet { keys: keys.into_iter().map(PublicKey::from).collect() }))
    }
}

/// The keys, unless the client has those of this tag.
fn answer<T: Type + Serialize>(request: &Request, tag: String, keys: &T) -> KeysAnswer<T> {
    let (cached, vary) = (format!("public, max-age={}", CACHED.as_secs()), "X-Tenant-ID".to_owned());
    let given = request.headers().get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut given = given.flat_map(|tags| tags.split(',')).map(|tag| tag.trim().trim_start_matches("W/"));
    if given.any(|given| given == tag || given == "*") {
        return KeysAnswer::Unchanged(tag, cached, vary);
    }
    KeysAnswer::Keys(Reply::new(keys), tag, cached, vary)
}

/// The tenant of the query, which must be that of the header or of the host if there is one.
fn chosen(request: &Request, asked: Option<String>) -> Result<TenantId, PublishedKeysError> {
    let named = named_tenant(request).map_err(|_| PublishedKeysError::NoTenant)?;
    let asked = asked.map(|text| text.parse::<TenantId>()).transpose().map_err(|_| PublishedKeysError::NoTenant)?;
    match (named, asked) {
        (Some(named), Some(asked)) if named != asked => Err(PublishedKeysError::NoTenant),
        (named, asked) => Ok(asked.or(named).unwrap_or_default()),
    }
}

/// The tag of the keys with these ids, each of which never changes.
fn tag(ids: impl Iterator<Item = String>) -> String {
    let hash = ids.fold(Sha256::new(), |hash, id| hash.chain_update(id).chain_update(" ")).finalize();
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(hash.get(..16).unwrap_or_default()))
}

refusals! {
    PublishedKeysError {
        Self::NoTenant => TenantNotFound,
        Self::Failed(failure) => (failure: Failure),
    }
}
