//! What administrators are told when they are refused.

use kayan_core::{
    AssignRoleError, AuthenticateAdminTokenError, ChangeUserError, CheckPermissionError, CreateUserError,
    DefineRoleError, DeleteRoleError, DeniedError, FieldError, FindUserError, LookInsideError, ManageTenantError,
    PermissionError, RevokeSessionsError, RoleError, SetLogLevelError, SetUserPasswordError, UpdateUserError,
};
use kayan_ports::{AdoptError, ProfileError, TenantIdError};
use poem::http::StatusCode;

use crate::wire::{
    codes::{Code, failed, invalid, weak},
    problem::Problem,
    refused::Refusal,
};

/// What every administrator can be told.
macro_rules! codes {
    ($($code:ident),* $(,)?) => {
        const CODES: &'static [(Code, Option<StatusCode>)] =
            &[(Code::Unauthorized, None), (Code::Forbidden, None), $((Code::$code, None)),*];
    };
}

pub(crate) fn field(pointer: &str, code: &str, message: String) -> Problem {
    invalid(vec![FieldError { pointer: pointer.to_owned(), code: code.to_owned(), message }])
}

/// What was asked about is no permission.
pub(crate) fn no_permission(error: &PermissionError) -> Problem {
    field("/permission", "permission", error.to_string())
}

/// What was wished for is no name of a tenant.
pub(crate) fn no_tenant_id(error: &TenantIdError) -> Problem {
    field("/id", "pattern", error.to_string())
}

/// There is no such tenant, or not for this administrator.
pub(crate) fn no_such_tenant() -> Problem {
    Problem::new(Code::NotFound).message("there is no such tenant")
}

fn no_such_user() -> Problem {
    Problem::new(Code::NotFound).message("there is no such user")
}

fn no_such_role() -> Problem {
    Problem::new(Code::NotFound).message("there is no such role")
}

impl Refusal for DeniedError {
    codes!();
    const TAKES_BODY: bool = false;

    fn problem(self) -> Problem {
        let told = self.to_string();
        match self {
            Self::KeyReused => Problem::new(Code::IdempotencyKeyReused),
            Self::Forbidden(required) => Problem::new(Code::Forbidden).message(told).required(required.to_string()),
            Self::Failed(failure) => failed(failure),
        }
    }
}

impl Refusal for LookInsideError {
    codes!(InUse);
    const TAKES_BODY: bool = false;

    fn problem(self) -> Problem {
        match self {
            Self::Denied(error) => error.problem(),
            Self::Profile(error @ ProfileError::Busy) => Problem::new(Code::InUse).message(error.to_string()),
            Self::Profile(ProfileError::Unavailable(why)) => Problem::new(Code::Unavailable).because(why),
        }
    }
}

impl Refusal for SetLogLevelError {
    codes!();
    const TAKES_BODY: bool = true;

    fn problem(self) -> Problem {
        match self {
            Self::Denied(error) => error.problem(),
            Self::Failed(failure) => failed(failure),
        }
    }
}

impl Refusal for AuthenticateAdminTokenError {
    codes!();
    const TAKES_BODY: bool = false;

    fn problem(self) -> Problem {
        match self {
            Self::Unauthorized => Problem::new(Code::Unauthorized)
                .message("the admin token is forged, expired, revoked, or good in another tenant only"),
            Self::Failed(failure) => failed(failure),
        }
    }
}

impl Refusal for FindUserError {
    codes!(NotFound);
    const TAKES_BODY: bool = false;

    fn problem(self) -> Problem {
        match self {
            Self::Denied(denied) => denied.problem(),
            // By id there is one at most.
            Self::NotFound(_) | Self::Ambiguous(..) => no_such_user(),
            Self::Failed(failure) => failed(failure),
        }
    }
}

impl Refusal for ChangeUserError {
    codes!(NotFound, OwnAccount, LastAdmin, PreconditionFailed, IdempotencyKeyReused);
    const TAKES_BODY: bool = true;

    fn problem(self) -> Problem {
        match self {
            Self::Find(error) => error.problem(),
            Self::Changed => Problem::new(Code::PreconditionFailed),
            Self::OwnAccount => Problem::new(Code::OwnAccount),
            Self::LastAdmin => Problem::new(Code::LastAdmin),
            Self::LockIsOver | Self::NotIn(_) => field("/until", "invalid", self.to_string()),
        }
    }
}

impl Refusal for CreateUserError {
    codes!(WeakPassword, AlreadyExists, IdempotencyKeyReused, Overloaded);
    const TAKES_BODY: bool = true;

    fn problem(self) -> Problem {
        match self {
            Self::Denied(denied) => denied.problem(),
            Self::InvalidTraits(fields) => invalid(fields),
            Self::WeakPassword(weakness) => weak(&weakness, "/password"),
            Self::Hash(AdoptError::Unknown) => field("/password_hash", "unknown_hash", self.to_string()),
            Self::Hash(AdoptError::Costly) => field("/password_hash", "costly_hash", self.to_string()),
            Self::UnknownRole(unknown) => field("/roles", "role", unknown.to_string()),
            Self::AlreadyExists => Problem::new(Code::AlreadyExists),
            Self::NoTenant(_) => Problem::new(Code::TenantNotFound),
            Self::Failed(failure) => failed(failure),
        }
    }
}

impl Refusal for UpdateUserError {
    codes!(NotFound, OwnAccount, LastAdmin, LastIdentifier, AlreadyExists, PreconditionFailed);
    const TAKES_BODY: bool = true;

    fn problem(self) -> Problem {
        match self {
            Self::Change(error) => error.problem(),
            Self::InvalidTraits(fields) => invalid(fields),
            Self::LastIdentifier => Problem::new(Code::LastIdentifier),
            Self::AlreadyExists => Problem::new(Code::AlreadyExists),
        }
    }
}

impl Refusal for SetUserPasswordError {
    codes!(NotFound, WeakPassword, PreconditionFailed, Overloaded);
    const TAKES_BODY: bool = true;

    fn problem(self) -> Problem {
        match self {
            Self::Change(error) => error.problem(),
            Self::WeakPassword(weakness) => weak(&weakness, "/password"),
            Self::Raced => Problem::new(Code::PreconditionFailed),
        }
    }
}

impl Refusal for AssignRoleError {
    codes!(NotFound, LastAdmin, PreconditionFailed);
    const TAKES_BODY: bool = false;

    fn problem(self) -> Problem {
        match self {
            Self::Change(error) => error.problem(),
            Self::UnknownRole(unknown) => Problem::new(Code::NotFound).message(unknown.to_string()),
        }
    }
}

impl Refusal for RevokeSessionsError {
    codes!(NotFound, IdempotencyKeyReused);
    const TAKES_BODY: bool = true;

    fn problem(self) -> Problem {
        match self {
            Self::Find(error) => error.problem(),
            Self::NoTenant(_) => no_such_tenant(),
            Self::NoSession(_) => Problem::new(Code::NotFound).message("there is no such session, or it is over"),
        }
    }
}

fn misdefined(error: &RoleError) -> Problem {
    let told = error.to_string();
    match error {
        RoleError::Name(_) => field("/id", "pattern", told),
        RoleError::BuiltIn(_) => Problem::new(Code::InUse).message(told),
        RoleError::Permission(position, _) => field(&format!("/permissions/{position}"), "permission", told),
        RoleError::UnknownParent(position, _) => field(&format!("/parents/{position}"), "role", told),
        RoleError::Cycle(_) => field("/parents", "cycle", told),
        RoleError::TooDeep(_) => field("/parents", "depth", told),
        RoleError::TooMany => field("", "maxItems", told),
    }
}

impl Refusal for DefineRoleError {
    codes!(NotFound, AlreadyExists, InUse, PreconditionFailed, IdempotencyKeyReused);
    const TAKES_BODY: bool = true;

    fn problem(self) -> Problem {
        let told = self.to_string();
        match self {
            Self::Denied(denied) => denied.problem(),
            Self::Invalid(error) => misdefined(&error),
            Self::AlreadyExists(_) => Problem::new(Code::AlreadyExists).message(told),
            Self::NotFound(_) => no_such_role(),
            Self::Changed => Problem::new(Code::PreconditionFailed),
            Self::NoTenant(_) => Problem::new(Code::TenantNotFound),
            Self::Failed(failure) => failed(failure),
        }
    }
}

impl Refusal for DeleteRoleError {
    codes!(NotFound, InUse, PreconditionFailed);
    const TAKES_BODY: bool = false;

    fn problem(self) -> Problem {
        let told = self.to_string();
        match self {
            Self::Define(error) => error.problem(),
            Self::InUse(_) => Problem::new(Code::InUse).message(told),
        }
    }
}

impl Refusal for CheckPermissionError {
    codes!(NotFound);
    const TAKES_BODY: bool = true;

    fn problem(self) -> Problem {
        match self {
            Self::Denied(denied) => denied.problem(),
            Self::NotFound(_) => no_such_user(),
            Self::Failed(failure) => failed(failure),
        }
    }
}

impl Refusal for ManageTenantError {
    codes!(NotFound, AlreadyExists, InUse, PreconditionFailed, IdempotencyKeyReused);
    const TAKES_BODY: bool = true;

    fn problem(self) -> Problem {
        let told = self.to_string();
        match self {
            Self::Denied(denied) => denied.problem(),
            Self::Invalid(fields) => invalid(fields),
            Self::AlreadyExists(_) => Problem::new(Code::AlreadyExists).message(told),
            Self::NotFound(_) => no_such_tenant(),
            Self::Changed => Problem::new(Code::PreconditionFailed),
            Self::InUse(_) => Problem::new(Code::InUse).message(told),
            Self::Failed(failure) => failed(failure),
        }
    }
}
