//! The pages for whoever operates Kayan: what they print runs, and nothing that they list is without proof.
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
