//! End to end: the real binary over real sockets, on a database of its own.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::return_self_not_must_use,
    reason = "test code: what can't be set up fails the test that wanted it"
)]

mod answer;
mod audit;
mod client;
mod collector;
mod database;
mod document;
mod h2;
mod home;
mod identity_provider;
mod metrics;
mod person;
mod place;
mod proxy;
mod raw;
mod redis;
mod server;
mod service;

pub use answer::{Answer, ask};
pub use audit::{count, events};
pub use client::Client;
pub use collector::{Collector, Delivery, attribute};
pub use database::{Database, Row};
pub use document::Document;
pub use h2::Windowless;
pub use home::{Done, Home, binary};
pub use identity_provider::{Browser, CLIENT, HostileProvider, IdentityProvider};
pub use metrics::{Metrics, promtool};
pub use person::{PASSWORD, Person};
pub use place::Kind;
pub use proxy::Proxy;
pub use raw::{Connection, exchange};
pub use redis::Redis;
pub use server::Server;
pub use service::Service;
