//! Who makes a request: a client of the API, or an operator.

use kayan_ports::{Client, IdentityId, Scope, TenantId, TokenHash};

use crate::{Idempotency, Token, policy::permission::Grants};

/// A client of the API.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// The tenant of the request.
    pub tenant: TenantId,
    /// The hash of its session token, if that was well-formed.
    pub token: Option<TokenHash>,
    /// The token of its device, as it was sent: whether it is signed is not checked yet.
    pub device: Option<Token>,
    /// Where the request comes from.
    pub client: Client,
    /// The languages that its user prefers, as an `Accept-Language` header has them, at most 128 bytes; may be empty.
    pub languages: String,
    /// The id of the request.
    pub request_id: Option<String>,
}

/// The actor of commands; a token must not have this name.
const COMMAND_LINE: &str = "cli";

/// An administrator: at the command line, with an admin token, or in a session.
#[derive(Debug, Clone)]
pub struct Operator {
    /// What may be read and changed.
    pub scope: Scope,
    /// The name that the audit trail gets as actor: an identity's id, a token's name, or `cli`.
    pub name: String,
    /// Its credential: `token/` and the id of an admin token's last block, `session/` and a session's id, or `cli`.
    pub credential: String,
    /// Its identity, if it acts in a session.
    pub identity: Option<IdentityId>,
    /// Its permissions.
    pub grants: Grants,
    /// Whether it acts in a session without the second factor that its tenant requires of it: then it may do nothing.
    pub lacks_factor: bool,
    /// Where the request comes from, if there is one.
    pub client: Client,
    /// The id of the request.
    pub request_id: Option<String>,
    /// The idempotency key of the request, if it has one.
    pub idempotency: Option<Idempotency>,
}

impl Operator {
    /// An operator at the command line, who needs no session and has every permission: access to the database's secrets is
    /// control of the service anyway.
    pub fn at_the_command_line(scope: Scope) -> Self {
        Self {
            scope,
            name: COMMAND_LINE.to_owned(),
            credential: COMMAND_LINE.to_owned(),
            identity: None,
            grants: Grants::everything(),
            lacks_factor: false,
            client: Client::default(),
            request_id: None,
            idempotency: None,
        }
    }

    /// The tenant that it acts in: its own, or `default` for an operator of all tenants.
    pub fn tenant(&self) -> TenantId {
        self.scope.tenant().cloned().unwrap_or_default()
    }

    /// Whether it acts at the command line.
    pub(crate) fn is_at_the_command_line(&self) -> bool {
        self.identity.is_none() && self.name == COMMAND_LINE
    }
}
