//! What users do with their own account.

pub(crate) mod change_password;
pub(crate) mod delete;
pub(crate) mod export;
pub(crate) mod identity;
pub(crate) mod register;
pub(crate) mod update;
