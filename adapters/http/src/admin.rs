//! Administration: one file for each family of endpoints, and what they share.

pub(crate) mod audit;
mod import;
pub(crate) mod logs;
pub(crate) mod operator;
pub(crate) mod roles;
pub(crate) mod sessions;
pub(crate) mod tenants;
pub(crate) mod users;

use poem_openapi::ApiResponse;

/// An answer without a body.
#[derive(ApiResponse)]
pub(crate) enum Done {
    /// Done.
    #[oai(status = 204)]
    Done,
}
