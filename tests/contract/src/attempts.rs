//! The law of the `AttemptCounter` port.

pub mod commits;
pub mod counting;
