//! The law of each port, run against every adapter.
//!
//! A law is a function whose name is a promise of a port and whose body breaks when the promise does. [`laws!`] turns
//! them into one named test each, so `cargo nextest list -p kayan-contract` prints what an adapter promises. A new adapter
//! brings a file in `tests/` that builds it and calls the macro; a new promise is a new function here and its name in the
//! macro's list.
#![expect(
    missing_docs,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "everything here is test code: a law breaks by panicking, and its name says what it proves"
)]

mod bench;
mod device_verbs;
mod exercise;
mod factor_verbs;
mod issuer_key_verbs;
mod laws;
mod link_verbs;
mod message_verbs;
mod office;
mod password_verbs;
mod race;
mod sample;
mod thing;
mod verb;
mod view;

pub mod attempts;
pub mod hasher;
pub mod keys;
pub mod limiter;
pub mod store;
pub mod throw_away;

pub use bench::{AttemptsBench, Bench, Durable, HasherBench, KeysBench};
pub use exercise::exercise;
pub use thing::furnish;
