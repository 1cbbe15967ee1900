//! Tokens for other services.

use std::sync::Arc;

use kayan_core::{AuthenticateError, Failure, MintBiscuit, MintBiscuitError, MintJwt, MintJwtError};
use kayan_ports::Timestamp;
use poem_openapi::{Object, OpenApi};
use serde::{Deserialize, Serialize};

use crate::{
    Application, Tag,
    edge::caller::Member,
    wire::{
        body::{Body, MaybeBody},
        refused::{Refused, refusals},
        reply::Reply,
    },
};

/// The endpoints of this family.
#[derive(Clone)]
pub(crate) struct Tokens {
    /// The application that they serve.
    pub(crate) app: Arc<Application>,
}

/// What a JWT is for.
#[derive(Object, Deserialize)]
#[oai(rename = "MintJwtRequest")]
struct MintJwtBody {
    /// The service that the token is for, as the tenant's `jwt_audiences` name it.
    #[oai(validator(min_length = 1, max_length = 255))]
    audience: String,
    /// The lifetime of the token, in seconds. Default: the longest that the tenant allows for the audience.
    #[oai(validator(minimum(value = "1"), maximum(value = "3600")))]
    ttl: Option<u32>,
}

/// A JWT for another service.
#[derive(Object, Serialize)]
#[oai(rename = "MintedJwt")]
struct Minted {
    /// The token (RFC 9068). Other services verify it by the keys of `publicKeys`.
    token: String,
    /// When it expires, in whole seconds.
    #[serde(with = "kayan_ports::timestamp")]
    expires_at: Timestamp,
}

/// What a biscuit is for.
#[derive(Default, Object, Deserialize)]
#[oai(rename = "MintBiscuitRequest")]
#[serde(default)]
struct MintBiscuitBody {
    /// The lifetime of the biscuit, in seconds. Default: 300.
    #[oai(validator(minimum(value = "1"), maximum(value = "300")))]
    ttl: Option<u32>,
    /// The permissions that the biscuit has, or patterns of them: `*` matches one segment, `**` all that follow. You must have
    /// them. Default: all that you have.
    #[oai(validator(max_items = 100))]
    permissions: Option<Vec<String>>,
}

/// A biscuit for other services.
#[derive(Object, Serialize)]
#[oai(rename = "MintedBiscuit")]
struct MintedBiscuit {
    /// The biscuit, in URL-safe base64. Its `root_key_id` names the key of `biscuitKeys` that verifies it.
    token: String,
    /// The public key that verifies it, of Ed25519, in hexadecimal.
    public_key: String,
    /// When it expires, in whole seconds.
    #[serde(with = "kayan_ports::timestamp")]
    expires_at: Timestamp,
}

#[OpenApi(prefix_path = "/api/v1/tokens", tag = "Tag::Sessions")]
impl Tokens {
    /// Get a JWT for another service
    ///
    /// Gives the owner of the session a short JWT for an audience that the tenant allows, with the claims that the tenant sets for
    /// it. It expires no later than the session token. Another service verifies it offline, so that it stays valid until it
    /// expires, whatever becomes of the session.
    #[oai(path = "/jwt", method = "post", operation_id = "mintJwt")]
    async fn mint(
        &self,
        Member(caller): Member,
        Body(body): Body<MintJwtBody>,
    ) -> Result<Reply<Minted>, Refused<MintJwtError>> {
        let MintJwtBody { audience, ttl } = body;
        let minted = self.app.kayan.mint_jwt(&caller, MintJwt { audience, ttl }).await?;
        Ok(Reply::new(&Minted { token: minted.token.to_string(), expires_at: minted.expires_at }))
    }

    /// Get a biscuit for other services
    ///
    /// Gives the owner of the session a short biscuit that states who they are, their roles and their permissions, or only the
    /// permissions that are named. It expires no later than the session token. Its holder can narrow it without the service, and another service
    /// verifies it offline, so that it stays valid until it expires, whatever becomes of the session.
    #[oai(path = "/biscuit", method = "post", operation_id = "mintBiscuit")]
    async fn mint_biscuit(
        &self,
        Member(caller): Member,
        MaybeBody(body): MaybeBody<MintBiscuitBody>,
    ) -> Result<Reply<MintedBiscuit>, Refused<MintBiscuitError>> {
        let MintBiscuitBody { ttl, permissions } = body;
        let minted = self.app.kayan.mint_biscuit(&caller, MintBiscuit { ttl, permissions }).await?;
        Ok(Reply::new(&MintedBiscuit {
            token: minted.token.to_string(),
            public_key: minted.key.public,
            expires_at: minted.expires_at,
        }))
    }
}

refusals! {
    MintJwtError {
        Self::Authenticate(error) => (error: AuthenticateError),
        Self::AudienceNotAllowed => AudienceNotAllowed,
        Self::Invalid(field) => InvalidInput.fields(vec![field]),
        Self::Failed(failure) => (failure: Failure),
    }
    MintBiscuitError {
        Self::Authenticate(error) => (error: AuthenticateError),
        ref error @ Self::Forbidden(ref required) => Forbidden
            .message(error.to_string())
            .required(required.to_string()),
        Self::Invalid(field) => InvalidInput.fields(vec![field]),
        Self::Failed(failure) => (failure: Failure),
    }
}
