//! Administration of the keys that sign JWTs and biscuits.

use std::sync::Arc;

use kayan_core::{DeniedError, Failure, FieldError, RotateKeys, RotateKeysError, ShownKey};
use kayan_ports::{IssuerKeyState, KeyUse, Timestamp};
use poem_openapi::{Enum, Object, OpenApi};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Application, Tag,
    admin::operator::Admin,
    wire::{
        body::MaybeBody,
        idempotency::IdempotencyKey,
        jws::Algorithm,
        refused::{Refused, refusals},
        reply::Reply,
    },
};

/// The endpoints of this family.
#[derive(Clone)]
pub(crate) struct Keys {
    /// The application that they serve.
    pub(crate) app: Arc<Application>,
}

/// The state of a signing key.
#[derive(Debug, Clone, Copy, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
enum KeyState {
    /// Published; it signs in ten minutes.
    Next,
    /// Published, and signs.
    Active,
    /// Published, and signs no more.
    Retiring,
    /// Not published: no token that it signed is valid.
    Retired,
}

impl From<IssuerKeyState> for KeyState {
    fn from(state: IssuerKeyState) -> Self {
        match state {
            IssuerKeyState::Next => Self::Next,
            IssuerKeyState::Active => Self::Active,
            IssuerKeyState::Retiring => Self::Retiring,
            IssuerKeyState::Retired => Self::Retired,
        }
    }
}

/// What a key signs.
#[derive(Debug, Clone, Copy, Enum, Serialize, Deserialize)]
#[oai(rename = "KeyUse", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
enum Usage {
    /// JWTs.
    Jwt,
    /// Biscuits.
    Biscuit,
}

impl From<KeyUse> for Usage {
    fn from(usage: KeyUse) -> Self {
        match usage {
            KeyUse::Jwt => Self::Jwt,
            KeyUse::Biscuit => Self::Biscuit,
        }
    }
}

impl From<Usage> for KeyUse {
    fn from(usage: Usage) -> Self {
        match usage {
            Usage::Jwt => Self::Jwt,
            Usage::Biscuit => Self::Biscuit,
        }
    }
}

/// A signing key, without its private half.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "SigningKey", skip_serializing_if_is_none)]
struct Key {
    /// The id of the key, a UUIDv7: the `kid` of the JWTs that it signs. Its last eight digits, as a number, are the `root_key_id`
    /// of biscuits.
    id: Uuid,
    /// The tenant that the key belongs to.
    tenant_id: String,
    /// What it signs.
    #[oai(rename = "use")]
    #[serde(rename = "use")]
    usage: Usage,
    /// The algorithm.
    algorithm: Algorithm,
    /// The state.
    state: KeyState,
    /// When the key was created.
    #[serde(with = "kayan_ports::timestamp")]
    created_at: Timestamp,
    /// Since when the key is in its state.
    #[serde(with = "kayan_ports::timestamp")]
    since: Timestamp,
    /// When it leaves its state by itself.
    #[serde(with = "kayan_ports::timestamp::option", skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
}

impl From<ShownKey> for Key {
    fn from(key: ShownKey) -> Self {
        Self {
            id: key.id.0,
            tenant_id: key.tenant.into(),
            usage: key.usage.into(),
            algorithm: key.algorithm.into(),
            state: key.state.into(),
            created_at: key.created_at,
            since: key.since,
            until: key.until,
        }
    }
}

/// Signing keys.
#[derive(Object, Serialize)]
#[oai(rename = "SigningKeyList")]
struct KeyList {
    /// The keys, the newest first.
    data: Vec<Key>,
}

impl From<Vec<ShownKey>> for KeyList {
    fn from(keys: Vec<ShownKey>) -> Self {
        Self { data: keys.into_iter().map(Key::from).collect() }
    }
}

/// Which keys to replace.
#[derive(Default, Object, Deserialize)]
#[oai(rename = "RotateKeysRequest")]
#[serde(default)]
struct RotateBody {
    /// Only keys that sign this. Default: every use.
    #[oai(rename = "use")]
    #[serde(rename = "use")]
    usage: Option<Usage>,
    /// Only the key of this algorithm, for JWTs unless `use` says otherwise. Default: those of every algorithm that the tenant
    /// uses. Keys for biscuits are `EdDSA`.
    algorithm: Option<Algorithm>,
}

#[OpenApi(prefix_path = "/admin/keys", tag = "Tag::Administration")]
impl Keys {
    /// List signing keys
    ///
    /// Returns the keys that sign JWTs and biscuits, the newest first, a thousand at most: those of every tenant unless one is named.
    /// Requires `keys:read`.
    #[oai(path = "/", method = "get", operation_id = "listKeys")]
    async fn list(&self, Admin(operator): Admin) -> Result<Reply<KeyList>, Refused<DeniedError>> {
        Ok(Reply::new(&self.app.kayan.list_keys(&operator).await?.into()))
    }

    /// Replace signing keys
    ///
    /// Publishes the next key of one or of every use and algorithm that the tenant uses. It signs in ten minutes, when verifiers
    /// have read it; the present one stays published until its last token has expired. While a next key is published, no other is
    /// made. A use or an algorithm that the tenant does not use yet gets a key that signs at once. Returns the keys that are `next`
    /// or `active`. Requires `keys:write`.
    #[oai(path = "/rotate", method = "post", operation_id = "rotateKeys")]
    async fn rotate(
        &self,
        Admin(operator): Admin,
        /// A unique key of your choice. For a day, the same request with the same key gets the first response again and is not
        /// carried out twice.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        MaybeBody(body): MaybeBody<RotateBody>,
    ) -> Result<Reply<KeyList>, Refused<RotateKeysError>> {
        let RotateBody { usage, algorithm } = body;
        let cmd = RotateKeys { usage: usage.map(Into::into), algorithm: algorithm.map(Into::into) };
        let keys = self.app.kayan.rotate_keys(&key.with(operator), cmd).await?;
        Ok(Reply::new(&keys.into()))
    }
}

refusals! {
    RotateKeysError {
        Self::Denied(denied) => (denied: DeniedError),
        Self::NoTenant(_) => TenantNotFound,
        ref error @ Self::Algorithm(_) => InvalidInput
            .fields(vec![FieldError::new("/algorithm", "enum", error.to_string())]),
        Self::Failed(failure) => (failure: Failure),
    }
}
