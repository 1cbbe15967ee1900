//! The bodies of requests about users.

use kayan_ports::State;
use poem_openapi::Object;
use serde::Deserialize;

use crate::wire::answers::{IdentityState, TraitsBody};

/// A new user.
#[derive(Object, Deserialize)]
#[oai(rename = "CreateUserRequest")]
pub(super) struct CreateUserBody {
    /// The traits of the user.
    pub(super) traits: TraitsBody,
    /// The password. Without it, the user has none.
    #[oai(validator(min_length = 1, max_length = 4096))]
    pub(super) password: Option<String>,
    /// A password hash from another system, instead of the password: bcrypt, argon2, scrypt or PBKDF2, as a PHC string or in
    /// another format that the import accepts. The password is hashed again at the user's first login.
    #[oai(validator(min_length = 1, max_length = 1024))]
    pub(super) password_hash: Option<String>,
    /// The state. Default: `active`.
    pub(super) state: Option<IdentityState>,
    /// The names of the user's roles. They must not grant a permission that you don't have.
    #[serde(default)]
    #[oai(default, validator(max_items = 64))]
    pub(super) roles: Vec<String>,
}

/// The traits and the state to change. Members that are left out stay as they are.
#[derive(Object, Deserialize)]
#[oai(rename = "UpdateUserRequest")]
pub(super) struct UpdateUserBody {
    /// A JSON Merge Patch (RFC 7396): given members are replaced, `null` removes a member, all others stay.
    pub(super) traits: Option<TraitsBody>,
    /// The new state. Any other than `active` revokes all sessions of the user.
    pub(super) state: Option<IdentityState>,
}

/// Why the user is unlocked.
#[derive(Object, Deserialize, Default)]
#[oai(rename = "ReasonRequest")]
pub(super) struct ReasonBody {
    /// The reason, for the audit trail.
    #[oai(validator(max_length = 1024))]
    pub(super) reason: Option<String>,
}

/// Why the user is locked, and for how long.
#[derive(Object, Deserialize, Default)]
#[oai(rename = "LockUserRequest")]
pub(super) struct LockBody {
    /// The reason, for the audit trail.
    #[oai(validator(max_length = 1024))]
    pub(super) reason: Option<String>,
    /// When the lock ends: a time in the future (RFC 3339), or a date, at whose end it ends (UTC). Without it, the user stays
    /// locked until unlocked.
    #[oai(validator(max_length = 64))]
    pub(super) until: Option<String>,
}

/// A new password.
#[derive(Object, Deserialize)]
#[oai(rename = "SetPasswordRequest")]
pub(super) struct PasswordBody {
    /// The new password: at least 8 characters unless configured otherwise, and not easy to guess.
    #[oai(validator(min_length = 1, max_length = 4096))]
    pub(super) password: String,
}

impl From<IdentityState> for State {
    fn from(state: IdentityState) -> Self {
        match state {
            IdentityState::Active => Self::Active,
            IdentityState::Inactive => Self::Inactive,
            IdentityState::Locked => Self::Locked,
            IdentityState::Pending => Self::Pending,
        }
    }
}
