//! What people and programs do with the service, from end to end.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code: what can't be set up fails the test"
)]

mod account;
mod bodies;
mod browsers;
mod codes;
mod durability;
mod edges;
mod mysql;
mod overload;
mod presenting;
mod races;
mod sessions;
mod stopping;
mod tenants;
