//! Verifies the tokens of Kayan in other services.
//!
//! [`jwt`] verifies session JWTs and JWTs for an audience by a key that the caller has. Each refusal is a [`Refusal`], which names
//! the reason and nothing of the token.

pub mod jwt;
mod key;
mod refusal;

pub use key::{Key, KeyError};
pub use refusal::Refusal;
