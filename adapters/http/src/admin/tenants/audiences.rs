//! The audiences that a tenant's users get JWTs for, as administrators read and write them.

use kayan_ports::JwtAudience;
use poem_openapi::Object;
use serde::{Deserialize, Serialize};

use crate::wire::{answers::JsonObject, jws::Algorithm};

/// A service that users get JWTs for.
#[derive(Debug, Clone, Object, Serialize, Deserialize)]
#[oai(rename = "JwtAudience", skip_serializing_if_is_none)]
pub(super) struct Audience {
    /// The name of the service, as in `aud`: 1 to 255 bytes without spaces.
    #[oai(validator(min_length = 1, max_length = 255))]
    audience: String,
    /// The algorithm that its tokens are signed with. Default: ES256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    algorithm: Option<Algorithm>,
    /// The longest lifetime of a token, in seconds. Default: 300.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[oai(validator(minimum(value = "1"), maximum(value = "3600")))]
    ttl: Option<u32>,
    /// Further claims. In their texts, `{{identity.id}}`, `{{identity.traits}}` and members of it as in
    /// `{{identity.traits.email}}`, `{{identity.roles}}`, `{{identity.verified}}`, `{{tenant.id}}`, `{{session.id}}`,
    /// `{{session.aal}}` and `{{session.amr}}` are replaced; what has no value is left out. Claims that the service sets, such as
    /// `sub`, are refused.
    #[serde(default)]
    #[oai(default)]
    claims: JsonObject,
}

impl From<JwtAudience> for Audience {
    fn from(audience: JwtAudience) -> Self {
        let JwtAudience { audience, algorithm, ttl, claims } = audience;
        Self { audience, algorithm: algorithm.map(Into::into), ttl, claims: JsonObject(claims) }
    }
}

impl From<Audience> for JwtAudience {
    fn from(audience: Audience) -> Self {
        let Audience { audience, algorithm, ttl, claims: JsonObject(claims) } = audience;
        Self { audience, algorithm: algorithm.map(Into::into), ttl, claims }
    }
}
