//! Ways to prove who one is.

pub(crate) mod password;
