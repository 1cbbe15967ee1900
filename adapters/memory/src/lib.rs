//! Ports inside one process: the session cache, and fakes for tests that keep every promise of the real ones.
//!
//! All of them pass the same laws as the real adapters (`tests/contract`), so what a use-case does with a fake it does with
//! a database. [`CachedSessions`] is for every process; the others are for tests only: nothing of them survives the
//! process, and [`SeededEntropy`] and [`PlainHasher`] keep no secret.

mod accounts;
mod apply;
mod cached_sessions;
mod clock;
mod entropy;
mod hasher;
mod rows;
mod sessions;
mod store;

pub use cached_sessions::CachedSessions;
pub use clock::ManualClock;
pub use entropy::SeededEntropy;
pub use hasher::PlainHasher;
pub use store::MemoryStore;
