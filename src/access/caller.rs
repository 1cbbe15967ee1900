//! Who is asking: a client of the API, or somebody who administers.

use kayan_ports::{Client, IdentityId, Scope, TenantId, TokenHash};

use crate::{Idempotency, policy::permission::Grants};

/// A client of the API, as far as a use-case needs to know it.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// The tenant it asks in.
    pub tenant: TenantId,
    /// The hash of the session token it presented, if that was well-formed.
    pub token: Option<TokenHash>,
    /// Where it is.
    pub client: Client,
    /// The id of its request.
    pub request_id: Option<String>,
}

/// The actor that a command is; no token may be called so.
const COMMAND_LINE: &str = "cli";

/// Somebody who administers: at the command line, by an admin token, or in a session of their own.
#[derive(Debug, Clone)]
pub struct Operator {
    /// What may be seen and touched.
    pub scope: Scope,
    /// The name that the audit trail gets as actor: an identity's id, a token's name, or `cli`.
    pub name: String,
    /// What it presented: `token/` and the id of an admin token's last block, `session/` and a session's id, or `cli`.
    pub credential: String,
    /// Who it is, if it is somebody with an account.
    pub identity: Option<IdentityId>,
    /// What may be done.
    pub grants: Grants,
    /// Where the request comes from, if there is one.
    pub client: Client,
    /// The id of the request.
    pub request_id: Option<String>,
    /// Whether the request is to be carried out once, however often it is made.
    pub idempotency: Option<Idempotency>,
}

impl Operator {
    /// An operator at the command line, who needs no session and may do everything: whoever can read the database's
    /// secrets owns the service already.
    pub fn at_the_command_line(scope: Scope) -> Self {
        Self {
            scope,
            name: COMMAND_LINE.to_owned(),
            credential: COMMAND_LINE.to_owned(),
            identity: None,
            grants: Grants::everything(),
            client: Client::default(),
            request_id: None,
            idempotency: None,
        }
    }

    /// The tenant that it acts in: its own, or `default` for who may see all.
    pub fn tenant(&self) -> TenantId {
        self.scope.tenant().cloned().unwrap_or_default()
    }

    /// Whether it is one.
    pub(crate) fn is_at_the_command_line(&self) -> bool {
        self.identity.is_none() && self.name == COMMAND_LINE
    }
}
