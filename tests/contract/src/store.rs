//! The laws of the store, topic by topic.

pub mod accounts;
pub mod audit;
pub mod cleanup;
pub mod decisions;
pub mod deletion;
pub mod durability;
pub mod events;
pub mod export;
pub mod idempotency;
pub mod keys;
pub mod lists;
pub mod locks;
pub mod matrix;
pub mod passwords;
pub mod races;
pub mod refresh;
pub mod revocation;
pub mod roles;
pub mod seals;
pub mod search;
pub mod sessions;
pub mod settings;
pub mod tenants;
pub mod tokens;
pub mod values;
