//! Ports inside one process: fakes for tests that keep every promise of the real ones.
//!
//! They pass the same laws as the real adapters (`tests/contract`), so what a use-case does with them it does with a
//! database. None of them is fit for production: nothing survives the process, and [`SeededEntropy`] and [`PlainHasher`]
//! keep no secret.

mod accounts;
mod apply;
mod clock;
mod entropy;
mod hasher;
mod rows;
mod sessions;
mod store;

pub use clock::ManualClock;
pub use entropy::SeededEntropy;
pub use hasher::PlainHasher;
pub use store::MemoryStore;
