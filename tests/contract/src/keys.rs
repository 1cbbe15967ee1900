//! The law of the `Keys` port.

pub mod first_uses;
