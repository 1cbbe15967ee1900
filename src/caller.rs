//! Who is asking: a client of the API, or an operator at the command line.

use kayan_ports::{Client, Scope, TenantId, TokenHash};

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

/// An operator, who needs no session: whoever can read the database's secrets owns the service already.
#[derive(Debug, Clone)]
pub struct Operator {
    /// What may be seen and touched.
    pub scope: Scope,
    /// The name that the audit trail gets as actor, such as `cli`.
    pub name: String,
}
