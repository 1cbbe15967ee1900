//! What requests about users say.

use poem_openapi::Object;
use serde::Deserialize;

use crate::wire::answers::{IdentityState, TraitsBody};

/// The wish for another user.
#[derive(Object, Deserialize)]
#[oai(rename = "CreateUserRequest")]
pub(super) struct CreateUserBody {
    /// What the user is like.
    pub(super) traits: TraitsBody,
    /// The password, if the user is to have one.
    #[oai(validator(min_length = 1, max_length = 4096))]
    pub(super) password: Option<String>,
    /// The password as it was hashed elsewhere, instead of it: by bcrypt, argon2, scrypt or PBKDF2, in PHC form or another that
    /// the import takes. It is hashed anew at the user's first login.
    #[oai(validator(min_length = 1, max_length = 1024))]
    pub(super) password_hash: Option<String>,
    /// Whether the user may come in; without it, yes.
    pub(super) state: Option<IdentityState>,
    /// The names of the roles: none that grants more than you hold.
    #[serde(default)]
    #[oai(default, validator(max_items = 64))]
    pub(super) roles: Vec<String>,
}

/// The wish for other traits, another state, or both.
#[derive(Object, Deserialize)]
#[oai(rename = "UpdateUserRequest")]
pub(super) struct UpdateUserBody {
    /// A merge patch (RFC 7396): members given replace, `null` removes, the others stay.
    pub(super) traits: Option<TraitsBody>,
    /// The state; whoever is not `active` loses every session.
    pub(super) state: Option<IdentityState>,
}

/// Why.
#[derive(Object, Deserialize, Default)]
#[oai(rename = "ReasonRequest")]
pub(super) struct ReasonBody {
    /// The reason, for the audit trail.
    #[oai(validator(max_length = 1024))]
    pub(super) reason: Option<String>,
}

/// Why, and for how long.
#[derive(Object, Deserialize, Default)]
#[oai(rename = "LockUserRequest")]
pub(super) struct LockBody {
    /// The reason, for the audit trail.
    #[oai(validator(max_length = 1024))]
    pub(super) reason: Option<String>,
    /// When the user is let in again: a moment that is to come (RFC 3339), or the end of a day (UTC). Without it, when
    /// somebody unlocks the user.
    #[oai(validator(max_length = 64))]
    pub(super) until: Option<String>,
}

/// The wish for another password.
#[derive(Object, Deserialize)]
#[oai(rename = "SetPasswordRequest")]
pub(super) struct PasswordBody {
    /// The one wanted.
    #[oai(validator(min_length = 1, max_length = 4096))]
    pub(super) password: String,
}
