//! Authentication factors.

pub(crate) mod password;
