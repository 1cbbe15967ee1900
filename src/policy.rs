//! The rules, pure and synchronous: a use-case carries them out and adds none of its own.

pub mod admin_token;
pub mod assurance;
pub mod cursor;
pub(crate) mod dating;
pub(crate) mod disposable;
pub mod federation;
pub mod flood;
pub mod identifier;
pub mod key_rotation;
pub(crate) mod language;
pub mod lifetime;
pub mod password;
pub mod period;
pub mod permission;
pub mod redelivery;
pub mod refresh;
pub mod return_to;
pub mod role;
pub mod seal;
pub mod tenant;
pub mod token_claims;
