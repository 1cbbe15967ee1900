//! Administers users.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod export;
pub(crate) mod find;
pub(crate) mod import;
pub(crate) mod invite;
pub(crate) mod line;
pub(crate) mod set_password;
pub(crate) mod set_state;
pub(crate) mod update;
