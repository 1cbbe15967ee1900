//! Gives the owner of a session a short JWT for another service (RFC 9068).

use std::fmt;

use kayan_ports::{AuthenticatedSession, JwtAudience, Timestamp};
use serde_json::{Map, Value, json};
use time::Duration;
use zeroize::Zeroizing;

use crate::{
    AuthenticateError, Caller, Failure, FieldError, Kayan,
    policy::{
        assurance,
        key_rotation::DEFAULT_ALGORITHM,
        token_claims::{self, DEFAULT_TTL},
    },
};

/// The `typ` of an access token (RFC 9068, section 2.1).
const ACCESS_TOKEN: &str = "at+jwt";

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
        let claims = self.claims(&me, audience, (now, expires_at));
        let algorithm = audience.algorithm.unwrap_or(DEFAULT_ALGORITHM);
        let token = self.sign_jwt(&me.identity.tenant, algorithm, ACCESS_TOKEN, &claims).await?;
        Ok(MintedJwt { token: Zeroizing::new(token), expires_at })
    }

    /// The claims of RFC 9068, section 2.2, and what the tenant adds. The client is the service itself: no OAuth client asked.
    fn claims(
        &self,
        me: &AuthenticatedSession,
        audience: &JwtAudience,
        (now, expires_at): (Timestamp, Timestamp),
    ) -> Map<String, Value> {
        let AuthenticatedSession { session, identity, .. } = me;
        let amr = assurance::amr_of(&session.methods);
        let last = assurance::last_proof(session).unwrap_or(session.issued_at);
        let values = json!({
            "identity": {
                "id": identity.id,
                "traits": identity.traits,
                "roles": identity.roles,
                "verified": identity.verified,
            },
            "tenant": { "id": identity.tenant },
            "session": { "id": session.id, "aal": session.aal, "amr": amr },
        });
        let mut claims = token_claims::fill(&audience.claims, &values);
        for (name, value) in [
            ("iss", json!(self.settings.issuer)),
            ("sub", json!(identity.id)),
            ("aud", json!(audience.audience)),
            ("client_id", json!(self.settings.issuer)),
            ("iat", json!(now.unix_timestamp())),
            ("exp", json!(expires_at.unix_timestamp())),
            ("jti", json!(self.random_id())),
            ("sid", json!(session.id)),
            ("tid", json!(identity.tenant)),
            ("aal", json!(session.aal)),
            ("amr", json!(amr)),
            ("auth_time", json!(last.unix_timestamp())),
        ] {
            claims.insert(name.to_owned(), value);
        }
        claims
    }
}

#[cfg(test)]
mod tests;
