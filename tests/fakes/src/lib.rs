//! Fakes of the ports for tests, which keep every promise of the real ones.
//!
//! They pass the same laws as the real adapters (`tests/contract`), so what a use-case does with a fake it does with a
//! database. No production crate may depend on them: nothing survives the process, and [`SeededEntropy`] and
//! [`PlainHasher`] keep no secret.

mod accounts;
mod apply;
mod attempts;
mod biscuits;
mod breaches;
mod cleanup;
mod clock;
mod devices;
mod entropy;
mod events;
mod factors;
mod hasher;
mod idempotency;
mod issuer_keys;
mod keys;
mod links;
mod mail;
mod outbox;
mod passkeys;
mod providers;
mod rows;
mod seals;
mod sessions;
mod store;
mod tenants;
mod totp;

pub use biscuits::PlainBiscuits;
pub use breaches::BreachList;
pub use clock::ManualClock;
pub use entropy::SeededEntropy;
pub use hasher::PlainHasher;
pub use mail::{MailBox, ShownValues};
pub use providers::PlainProvider;
pub use store::MemoryStore;
pub use totp::PlainCodes;
