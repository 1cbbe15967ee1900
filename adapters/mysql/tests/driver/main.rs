//! What the driver promises, on a real server.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what cannot be set up breaks the test")]

mod batches;
mod database;
mod dropped;
mod limits;
mod logins;
mod migrations;
mod outages;
mod server;
mod tls;
mod values;
