//! Tenants.

pub(crate) mod manage;
