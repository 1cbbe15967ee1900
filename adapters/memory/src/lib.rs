//! Ports inside one process: the session cache, rate limits, and fakes for tests that keep every promise of the real ones.
//!
//! All of them pass the same laws as the real adapters (`tests/contract`), so what a use-case does with a fake it does with
//! a database. [`CachedSessions`], [`MemoryLimiter`], [`Fallback`] and [`Unhurried`] are for every process; the others are for tests only: nothing of
//! them survives the process, and [`SeededEntropy`] and [`PlainHasher`] keep no secret.

mod accounts;
mod apply;
mod attempts;
mod cached_sessions;
mod clock;
mod entropy;
mod events;
mod fallback;
mod hasher;
mod kept_answers;
mod keys;
mod limiter;
mod outdated;
mod rows;
mod seals;
mod sessions;
mod store;
mod tenants;
mod unhurried;

pub use cached_sessions::CachedSessions;
pub use clock::ManualClock;
pub use entropy::SeededEntropy;
pub use fallback::Fallback;
pub use hasher::PlainHasher;
pub use limiter::MemoryLimiter;
pub use store::MemoryStore;
pub use unhurried::Unhurried;
