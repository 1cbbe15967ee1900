//! Sessions: opens, reads, refreshes and revokes them.

pub(crate) mod find;
pub(crate) mod first;
pub(crate) mod forward_auth;
pub(crate) mod jwt;
pub(crate) mod jwt_claims;
pub(crate) mod list;
pub(crate) mod log_in;
pub(crate) mod log_out;
pub(crate) mod mint_biscuit;
pub(crate) mod mint_jwt;
pub(crate) mod open;
pub(crate) mod refresh;
pub(crate) mod revoke;
pub(crate) mod revoke_mine;
pub(crate) mod second_factor;
pub(crate) mod step_up;
pub(crate) mod who_am_i;
