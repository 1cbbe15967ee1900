//! The audit trail: writes, seals, reads, verifies and purges it.

pub(crate) mod bundle;
pub(crate) mod event;
pub(crate) mod export;
pub(crate) mod list;
pub(crate) mod newest_seals;
pub(crate) mod purge;
pub(crate) mod seal;
pub(crate) mod seal_key;
pub(crate) mod verify;
pub(crate) mod writer;
