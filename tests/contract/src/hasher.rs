//! The law of the `PasswordHasher` port.

pub mod verdicts;
pub mod work;
