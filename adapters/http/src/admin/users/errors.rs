//! The error codes of the operations on users.

use kayan_core::{
    AssignRoleError, ChangeUserError, CreateUserError, DeniedError, Failure, FindUserError, SetUserPasswordError,
    UpdateUserError,
};
use kayan_ports::AdoptError;

use crate::wire::{
    codes::Code,
    refused::{never, refusals},
};

/// Unlocking a user, granting a role, setting a password and resetting second factors never disable an account.
pub(in crate::admin) const DOES_NOT_LOCK: u64 = never([Code::OwnAccount, Code::LastAdmin]);
/// Administrators may revoke roles from their own account.
pub(super) const REVOKES_A_ROLE: u64 = never([Code::OwnAccount]);

const NO_SUCH_USER: &str = "there is no such user";

refusals! {
    FindUserError {
        Self::Denied(denied) => (denied: DeniedError),
        // An id belongs to one user at most.
        Self::NotFound(_) | Self::Ambiguous(..) => NotFound.message(NO_SUCH_USER),
        Self::Failed(failure) => (failure: Failure),
    }
    ChangeUserError {
        Self::Find(error) => (error: FindUserError),
        Self::Changed => PreconditionFailed,
        Self::OwnAccount => OwnAccount,
        Self::LastAdmin => LastAdmin,
        error @ (Self::LockIsOver | Self::NotIn(_)) => InvalidInput.field("/until", "invalid", error.to_string()),
    }
    CreateUserError {
        Self::Denied(denied) => (denied: DeniedError),
        Self::InvalidTraits(fields) => InvalidInput.fields(fields),
        Self::WeakPassword(weakness) => WeakPassword.weak("/password", weakness),
        error @ Self::Hash(AdoptError::Unknown) => InvalidInput
            .field("/password_hash", "unknown_hash", error.to_string()),
        error @ Self::Hash(AdoptError::Costly) => InvalidInput
            .field("/password_hash", "costly_hash", error.to_string()),
        Self::UnknownRole(unknown) => InvalidInput.field("/roles", "role", unknown.to_string()),
        Self::AlreadyExists => AlreadyExists,
        Self::NoTenant(_) => TenantNotFound,
        Self::Failed(Failure::Overloaded) => Overloaded,
        Self::Failed(failure) => (failure: Failure),
    }
    UpdateUserError {
        Self::Change(error) => (error: ChangeUserError),
        Self::InvalidTraits(fields) => InvalidInput.fields(fields),
        Self::LastIdentifier => LastIdentifier,
        Self::AlreadyExists => AlreadyExists,
    }
    SetUserPasswordError {
        Self::Change(ChangeUserError::Find(FindUserError::Failed(Failure::Overloaded))) => Overloaded,
        Self::Change(error) => (error: ChangeUserError),
        Self::WeakPassword(weakness) => WeakPassword.weak("/password", weakness),
        Self::Raced => PreconditionFailed,
    }
    AssignRoleError {
        Self::Change(error) => (error: ChangeUserError),
        Self::UnknownRole(unknown) => NotFound.message(unknown.to_string()),
    }
}
