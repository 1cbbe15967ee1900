//! Authenticates and authorises a request.

pub(crate) mod admin_token;
pub(crate) mod attempt;
pub(crate) mod authenticate;
pub(crate) mod caller;
pub(crate) mod check_permission;
pub(crate) mod grants;
pub(crate) mod idempotency;
pub(crate) mod limit;
pub(crate) mod operator;
pub(crate) mod permit;
pub(crate) mod proof_of_work;
pub(crate) mod required_factor;
