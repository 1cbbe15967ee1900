//! Tests of the driver on real servers.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what cannot be set up breaks the test")]

mod announcements;
mod asking;
mod counts;
mod model;
mod moves;
mod outages;
mod server;
mod tls;
