//! Gives the owner of a session a short JWT for another service (RFC 9068).

use std::fmt;

use kayan_ports::Timestamp;
use serde_json::json;
use time::Duration;
use zeroize::Zeroizing;

use super::jwt_claims::JwtFor;
use crate::{
    AuthenticateError, Caller, Failure, FieldError, Kayan,
    policy::{key_rotation::DEFAULT_ALGORITHM, token_claims::DEFAULT_TTL},
};

/// A request for a JWT.
#[derive(Debug, Clone)]
pub struct MintJwt {
    /// The service that it is for.
    pub audience: String,
    /// Its lifetime in seconds; `None`: the longest that the tenant allows for the audience.
    pub ttl: Option<u32>,
}

/// A JWT. Prints without it.
pub struct MintedJwt {
    /// The token.
    pub token: Zeroizing<String>,
    /// When it expires, in whole seconds.
    pub expires_at: Timestamp,
}

impl fmt::Debug for MintedJwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MintedJwt([redacted], {})", self.expires_at)
    }
}

/// Why there is no JWT.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MintJwtError {
    /// The caller is not authenticated.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// The tenant does not name this audience.
    #[error("this tenant gives no tokens for this audience")]
    AudienceNotAllowed,
    /// The lifetime is longer than the tenant allows for the audience, or 0.
    #[error("the lifetime is not valid")]
    Invalid(FieldError),
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// A JWT with the tenant's claims for the audience. It ends with the session's token at the latest.
    pub async fn mint_jwt(&self, caller: &Caller, cmd: MintJwt) -> Result<MintedJwt, MintJwtError> {
        let now = self.clock.now();
        let me = self.authenticate(caller, now).await?;
        let mut allowed = me.settings.jwt_audiences.iter();
        let audience = allowed.find(|it| it.audience == cmd.audience).ok_or(MintJwtError::AudienceNotAllowed)?;
        let longest = audience.ttl.unwrap_or(DEFAULT_TTL);
        let ttl = cmd.ttl.unwrap_or(longest);
        if !(1..=longest).contains(&ttl) {
            let message = format!("must be 1 to {longest}, which this tenant allows for the audience");
            return Err(MintJwtError::Invalid(FieldError::new("/ttl", "range", message)));
        }
        let expires_at = (now + Duration::seconds(ttl.into())).min(me.session.expires_at).truncate_to_second();
        let of = JwtFor {
            audience: json!(audience.audience),
            template: &audience.claims,
            id: self.random_id().to_string(),
            issued_at: now,
            expires_at,
        };
        let claims = self.jwt_claims(&me.session, &me.identity, of);
        let algorithm = audience.algorithm.unwrap_or(DEFAULT_ALGORITHM);
        let token = self.sign_jwt(&me.identity.tenant, algorithm, &claims).await?;
        Ok(MintedJwt { token: Zeroizing::new(token), expires_at })
    }
}

#[cfg(test)]
pub(crate) mod tests;
