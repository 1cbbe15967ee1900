//! Schemas that several families of endpoints share.

use kayan_core::Opened;
use kayan_ports::{AuthenticatedSession, State, Timestamp, Traits};
use poem_openapi::{
    Enum, Object,
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::wire::body::strict;

/// A JSON object that the identity schema validates.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct TraitsBody(#[serde(deserialize_with = "strict::object")] pub(crate) Map<String, Value>);

impl Type for TraitsBody {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> std::borrow::Cow<'static, str> {
        "Traits".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference("Traits".to_owned())
    }

    fn register(registry: &mut Registry) {
        registry.create_schema::<Self, _>("Traits".to_owned(), |_| MetaSchema {
            description: Some(
                "The attributes of an identity, as the identity schema of the installation defines them. The schema that comes \
                 with Kayan has `email`, which is required and serves to log in, and `name`.",
            ),
            additional_properties: Some(Box::new(MetaSchemaRef::Inline(Box::new(MetaSchema::ANY)))),
            example: Some(json!({ "email": "ada@example.com", "name": "Ada Lovelace" })),
            ..MetaSchema::new("object")
        });
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ToJSON for TraitsBody {
    fn to_json(&self) -> Option<Value> {
        Some(Value::Object(self.0.clone()))
    }
}

impl ParseFromJSON for TraitsBody {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value {
            Some(Value::Object(map)) => Ok(Self(map)),
            other => Err(ParseError::expected_type(other.unwrap_or_default())),
        }
    }
}

impl From<Traits> for TraitsBody {
    fn from(traits: Traits) -> Self {
        Self(traits.0)
    }
}

/// A JSON object whose members another standard defines.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct JsonObject(#[serde(deserialize_with = "strict::object")] pub(crate) Map<String, Value>);

impl Type for JsonObject {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> std::borrow::Cow<'static, str> {
        "object".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            additional_properties: Some(Box::new(MetaSchemaRef::Inline(Box::new(MetaSchema::ANY)))),
            ..MetaSchema::new("object")
        }))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ToJSON for JsonObject {
    fn to_json(&self) -> Option<Value> {
        Some(Value::Object(self.0.clone()))
    }
}

impl ParseFromJSON for JsonObject {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        TraitsBody::parse_from_json(value).map(|object| Self(object.0)).map_err(ParseError::propagate)
    }
}

/// The state of an identity.
#[derive(Debug, Clone, Copy, Enum, Serialize, Deserialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(crate) enum IdentityState {
    /// Can log in.
    Active,
    /// Deactivated by an administrator.
    Inactive,
    /// Locked by an administrator.
    Locked,
    /// Can't log in yet.
    Pending,
}

/// A user.
#[derive(Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Identity {
    /// The id of the identity, a UUIDv7.
    id: Uuid,
    /// The tenant that the identity belongs to.
    #[oai(validator(max_length = 63))]
    tenant_id: String,
    /// The attributes of the identity.
    traits: TraitsBody,
    /// The state.
    state: IdentityState,
    /// The verified addresses.
    verified: Vec<String>,
    /// The names of the roles.
    roles: Vec<String>,
    /// When the identity was created.
    #[serde(with = "kayan_ports::timestamp")]
    created_at: Timestamp,
    /// When the identity was last changed.
    #[serde(with = "kayan_ports::timestamp")]
    updated_at: Timestamp,
    /// When the user last logged in.
    #[serde(with = "kayan_ports::timestamp::option", skip_serializing_if = "Option::is_none")]
    last_login_at: Option<Timestamp>,
}

impl From<kayan_ports::Identity> for Identity {
    fn from(identity: kayan_ports::Identity) -> Self {
        Self {
            id: identity.id.0,
            tenant_id: identity.tenant.into(),
            traits: identity.traits.into(),
            state: match identity.state {
                State::Active => IdentityState::Active,
                State::Inactive => IdentityState::Inactive,
                State::Locked => IdentityState::Locked,
                State::Pending => IdentityState::Pending,
            },
            verified: identity.verified,
            roles: identity.roles,
            created_at: identity.created_at,
            updated_at: identity.updated_at,
            last_login_at: identity.last_login_at,
        }
    }
}

/// A session's tokens, which are shown only once, and its identity. The same response sets the cookie `kayan_session`.
#[derive(Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Session {
    /// The session token, for `Authorization: Bearer`: an opaque one, or a JWT (RFC 9068) if the service is set up for those.
    #[oai(validator(max_length = 8192))]
    pub(crate) session_token: String,
    /// The refresh token, which can be exchanged once for new tokens.
    #[oai(validator(max_length = 64))]
    pub(crate) refresh_token: String,
    /// Always `Bearer`.
    pub(crate) token_type: String,
    /// When the session token expires.
    #[serde(with = "kayan_ports::timestamp")]
    pub(crate) expires_at: Timestamp,
    /// When the refresh token expires.
    #[serde(with = "kayan_ports::timestamp")]
    pub(crate) refresh_expires_at: Timestamp,
    /// The authenticator assurance level (NIST SP 800-63B): `aal1`, `aal2` or `aal3`.
    pub(crate) aal: String,
    /// The authentication methods that were used (RFC 8176), such as `pwd`; with `mfa` if they are two factors.
    pub(crate) amr: Vec<String>,
    /// The identity that logged in.
    pub(crate) identity: Identity,
    /// The number of recovery codes that are left, when one was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recovery_codes_left: Option<u32>,
}

impl From<Opened> for Session {
    fn from(opened: Opened) -> Self {
        let amr = opened.amr().into_iter().map(ToOwned::to_owned).collect();
        let session_token = opened.jwt.unwrap_or_else(|| opened.session_token.expose());
        let session = opened.session;
        Self {
            session_token: session_token.to_string(),
            refresh_token: opened.refresh_token.expose().to_string(),
            token_type: "Bearer".to_owned(),
            expires_at: session.expires_at,
            refresh_expires_at: opened.refresh_expires_at,
            aal: session.aal.as_str().to_owned(),
            amr,
            identity: opened.identity.into(),
            recovery_codes_left: None,
        }
    }
}

/// An authentication method that was used.
#[derive(Debug, Object, Serialize)]
struct AuthenticationMethod {
    /// The method, such as `password`.
    method: String,
    /// When the authentication was completed.
    #[serde(with = "kayan_ports::timestamp")]
    completed_at: Timestamp,
}

/// A session, without its tokens.
#[derive(Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct SessionInfo {
    /// The id of the session, a UUIDv7.
    id: Uuid,
    /// The id of its identity.
    identity_id: Uuid,
    /// Whether the session has not been revoked.
    active: bool,
    /// When the session was opened.
    #[serde(with = "kayan_ports::timestamp")]
    issued_at: Timestamp,
    /// When the current session token expires.
    #[serde(with = "kayan_ports::timestamp")]
    expires_at: Timestamp,
    /// When the session was last used, to the minute.
    #[serde(with = "kayan_ports::timestamp")]
    last_seen_at: Timestamp,
    /// The authenticator assurance level (NIST SP 800-63B): `aal1`, `aal2` or `aal3`.
    authenticator_assurance_level: String,
    /// The authentication methods that were used.
    authentication_methods: Vec<AuthenticationMethod>,
    /// The IP address from which the session was opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_address: Option<String>,
    /// The `User-Agent` with which the session was opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
    /// Whether this is the session of the request.
    current: bool,
}

impl SessionInfo {
    /// Describes a session; `current` says whether it is the session of the request.
    pub(crate) fn new(session: kayan_ports::Session, current: bool) -> Self {
        let methods = session.methods.into_iter().map(|used| AuthenticationMethod {
            method: used.method.as_str().to_owned(),
            completed_at: used.completed_at,
        });
        Self {
            id: session.id.0,
            identity_id: session.identity.0,
            active: session.active,
            issued_at: session.issued_at,
            expires_at: session.expires_at,
            last_seen_at: session.last_seen_at,
            authenticator_assurance_level: session.aal.as_str().to_owned(),
            authentication_methods: methods.collect(),
            ip_address: session.client.ip,
            user_agent: session.client.user_agent,
            current,
        }
    }
}

impl From<kayan_ports::Session> for SessionInfo {
    /// A session other than that of the request.
    fn from(session: kayan_ports::Session) -> Self {
        Self::new(session, false)
    }
}

/// The current session and its identity.
#[derive(Debug, Object, Serialize)]
pub(crate) struct WhoAmI {
    /// The identity.
    identity: Identity,
    /// The session.
    session: SessionInfo,
}

impl From<AuthenticatedSession> for WhoAmI {
    fn from(me: AuthenticatedSession) -> Self {
        Self { identity: me.identity.into(), session: SessionInfo::new(me.session, true) }
    }
}
