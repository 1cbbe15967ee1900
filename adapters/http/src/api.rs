//! The API for users and for the operation of the service: one file for each family of endpoints.

pub(crate) mod account_deletions;
pub(crate) mod ceremonies;
pub(crate) mod debug;
pub(crate) mod devices;
pub(crate) mod docs;
pub(crate) mod document;
pub(crate) mod email_changes;
pub(crate) mod factors;
pub(crate) mod forward_auth;
pub(crate) mod identities;
pub(crate) mod invitations;
pub(crate) mod mail_flows;
pub(crate) mod otp;
pub(crate) mod passkeys;
pub(crate) mod phone_verifications;
mod process_access;
pub(crate) mod proof_of_work;
pub(crate) mod providers;
pub(crate) mod public_keys;
pub(crate) mod sessions;
pub(crate) mod system;
pub(crate) mod tokens;
pub(crate) mod well_known;
pub(crate) mod who_am_i_cache;
