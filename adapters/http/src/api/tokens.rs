//! Tokens for other services.

use std::sync::Arc;

use kayan_core::{AuthenticateError, Failure, MintJwt, MintJwtError};
use kayan_ports::Timestamp;
use poem_openapi::{Object, OpenApi};
use serde::{Deserialize, Serialize};

use crate::{
    Application, Tag,
    edge::caller::Member,
    wire::{
        body::Body,
        refused::{Refused, refusals},
        reply::Reply,
    },
};

/// The endpoint of this family.
#[derive(Clone)]
pub(crate) struct Tokens {
    /// The application that it serves.
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
}

refusals! {
    MintJwtError {
        Self::Authenticate(error) => (error: AuthenticateError),
        Self::AudienceNotAllowed => AudienceNotAllowed,
        Self::Invalid(field) => InvalidInput.fields(vec![field]),
        Self::Failed(failure) => (failure: Failure),
    }
}
