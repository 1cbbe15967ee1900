//! Admin tokens.

pub(crate) mod attenuate;
pub(crate) mod create;
pub(crate) mod inspect;
pub(crate) mod revoke;
