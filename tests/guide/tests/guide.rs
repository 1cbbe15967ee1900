//! The pages for operators: everything that they print runs, and everything that they list is tested.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code: what can't be set up fails the test"
)]

mod host;
mod inventory;
mod machine;
mod operations;
mod page;
mod production;
mod rules;
mod runner;
mod settings;
