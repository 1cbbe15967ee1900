//! Tests of delivery to real mail servers, and to some that do not keep to the protocol.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what cannot be set up breaks the test")]

mod connections;
mod deliveries;
mod failures;
mod scripted;
mod server;
mod tls;
