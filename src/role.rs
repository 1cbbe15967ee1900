//! A tenant's roles.

pub(crate) mod assign;
pub(crate) mod define;
pub(crate) mod delete;
pub(crate) mod find;
