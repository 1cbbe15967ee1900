//! The administration API: one file for each family of endpoints.

pub(crate) mod audit;
mod import;
pub(crate) mod invitations;
pub(crate) mod keys;
pub(crate) mod logs;
pub(crate) mod messages;
pub(crate) mod operator;
pub(crate) mod roles;
pub(crate) mod second_factors;
pub(crate) mod sessions;
pub(crate) mod tenants;
pub(crate) mod users;

use poem_openapi::ApiResponse;

/// A response without a body.
#[derive(ApiResponse)]
pub(crate) enum Done {
    /// Success, without a body.
    #[oai(status = 204)]
    Done,
}
