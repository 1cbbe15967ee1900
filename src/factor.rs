//! Authentication factors.

pub(crate) mod find;
pub(crate) mod name;
pub(crate) mod otp;
pub(crate) mod passkey;
pub(crate) mod password;
pub(crate) mod recovery_code;
pub(crate) mod reset;
pub(crate) mod totp;
