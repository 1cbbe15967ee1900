//! The public keys that verify the tokens of a tenant (RFC 7517), for other services to cache.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kayan_core::{Failure, PublishedKeysError, policy::key_rotation::CACHED};
use kayan_ports::{Jwk, TenantId};
use poem::{Request, http::header};
use poem_openapi::{ApiResponse, OpenApi};
use sha2::{Digest, Sha256};

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

/// The endpoint of this family.
#[derive(Clone)]
pub(crate) struct PublicKeys {
    /// The application that it serves.
    pub(crate) app: Arc<Application>,
}

#[derive(ApiResponse)]
enum KeysAnswer {
    /// The public keys.
    #[oai(status = 200)]
    Keys(
        Reply<KeySet>,
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
    ) -> Result<KeysAnswer, Refused<PublishedKeysError>> {
        let tenant = chosen(request, tenant.0)?;
        let keys = self.app.kayan.published_keys(&tenant).await?;
        let (tag, cached) = (tag(&keys), format!("public, max-age={}", CACHED.as_secs()));
        let vary = "X-Tenant-ID".to_owned();
        let given = request.headers().get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let mut given = given.flat_map(|tags| tags.split(',')).map(|tag| tag.trim().trim_start_matches("W/"));
        if given.any(|given| given == tag || given == "*") {
            return Ok(KeysAnswer::Unchanged(tag, cached, vary));
        }
        Ok(KeysAnswer::Keys(Reply::new(&keys.into()), tag, cached, vary))
    }
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

/// The tag of these keys, each of which never changes.
fn tag(keys: &[Jwk]) -> String {
    let hash = keys.iter().fold(Sha256::new(), |hash, key| hash.chain_update(&key.kid).chain_update(" ")).finalize();
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(hash.get(..16).unwrap_or_default()))
}

refusals! {
    PublishedKeysError {
        Self::NoTenant => TenantNotFound,
        Self::Failed(failure) => (failure: Failure),
    }
}
