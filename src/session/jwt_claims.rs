//! The claims of a JWT about a session (RFC 9068, section 2.2).

use kayan_ports::{Identity, Session, Timestamp};
use serde_json::{Map, Value, json};

use crate::{
    Kayan,
    policy::{assurance, token_claims},
};

/// What differs between JWTs about a session.
pub(crate) struct JwtFor<'a> {
    /// The value of `aud`.
    pub(crate) audience: Value,
    /// The claims that the tenant adds.
    pub(crate) template: &'a Map<String, Value>,
    /// The value of `jti`.
    pub(crate) id: String,
    /// The value of `iat`.
    pub(crate) issued_at: Timestamp,
    /// The value of `exp`.
    pub(crate) expires_at: Timestamp,
}

impl Kayan {
    /// The claims, with those that the tenant adds. The client is the service itself: no OAuth client asked.
    pub(crate) fn jwt_claims(&self, session: &Session, identity: &Identity, of: JwtFor<'_>) -> Map<String, Value> {
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
        let mut claims = token_claims::fill(of.template, &values);
        for (name, value) in [
            ("iss", json!(self.settings.issuer)),
            ("sub", json!(identity.id)),
            ("aud", of.audience),
            ("client_id", json!(self.settings.issuer)),
            ("iat", json!(of.issued_at.unix_timestamp())),
            ("exp", json!(of.expires_at.unix_timestamp())),
            ("jti", json!(of.id)),
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
