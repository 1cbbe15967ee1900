//! What the use-cases that change a user have in common.

use std::sync::Arc;

use kayan_ports::{ADMIN, Change, CommitError, Guard, Identity, RoleChange, State, Version};

use crate::{
    DeniedError, Failure, FindUserError, Kayan, Operator, UserRef,
    access::grants::Standing,
    policy::{
        permission::{Grants, Permission},
        role::Definitions,
    },
};

/// How often a decision is retried when what it depends on keeps changing.
pub(crate) const ROUNDS: usize = 8;

/// Why the user was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeUserError {
    /// No user was found, or several, or the operator may not access them.
    #[error(transparent)]
    Find(#[from] FindUserError),
    /// The user was changed since it was read.
    #[error("the user was changed since it was read; read it again and retry")]
    Changed,
    /// Operators can't lock themselves out.
    #[error("this is your own account, which you can't lock, deactivate or delete here")]
    OwnAccount,
    /// The end of the lock is in the past.
    #[error("the end of the lock is in the past; give a time in the future")]
    LockIsOver,
    /// A temporary lock would activate a user who was not active before.
    #[error("the user is {}: the end of a lock would activate them; lock them without an end", .0.as_str())]
    NotIn(State),
    /// The tenant would be left without an administrator.
    #[error("this is the last active user with the role `admin`; give the role to another user first")]
    LastAdmin,
}

impl From<Failure> for ChangeUserError {
    fn from(failure: Failure) -> Self {
        Self::Find(failure.into())
    }
}

impl From<DeniedError> for ChangeUserError {
    fn from(error: DeniedError) -> Self {
        Self::Find(error.into())
    }
}

/// A change to a user.
pub(crate) struct Changing<'a> {
    pub(crate) operator: &'a Operator,
    pub(crate) user: &'a UserRef,
    /// The version that the operator has read; `None` skips the check.
    pub(crate) expected: Option<Version>,
    /// The required permission.
    pub(crate) required: &'a Permission,
    /// The name of the action in the audit trail.
    pub(crate) action: &'static str,
}

/// A user who may be changed, and what that decision depends on.
pub(crate) struct Changeable {
    /// The user as read. The change must expect this version.
    pub(crate) before: Identity,
    /// The roles of its tenant.
    pub(crate) definitions: Arc<Definitions>,
    /// What the operator may do.
    pub(crate) grants: Grants,
    /// The first changes of the list: they keep what the decision depends on.
    pub(crate) holds: Vec<Change>,
}

impl Kayan {
    /// Reads the user, and checks that the operator may change them and has read their current version. An operator
    /// can't change a user who may do more than the operator, as it could take over that account (I-30).
    pub(crate) async fn changeable(&self, changing: &Changing<'_>) -> Result<Changeable, ChangeUserError> {
        let Changing { operator, required, action, .. } = *changing;
        self.permit(operator, required, action).await?;
        let before = self.named(operator, changing.user).await?;
        let standing = self.standing(operator, &before.tenant, (required, action)).await?;
        let Standing { grants, definitions, holds } = standing;
        if let Some(missing) = grants.missing(&definitions.grants(&before.roles)) {
            self.forbid(operator, missing, action).await?;
        }
        if changing.expected.is_some_and(|expected| expected != before.version) {
            return Err(ChangeUserError::Changed);
        }
        Ok(Changeable { before, definitions, grants, holds })
    }
}

/// The change at the end of a list that disables `identity` or revokes `admin` from it: the tenant keeps an
/// administrator (I-30). The command line is exempt, as it is the way to regain access.
pub(crate) fn require_admin(operator: Option<&Operator>, identity: &Identity) -> Option<Change> {
    let is_admin = identity.state == State::Active && identity.roles.iter().any(|role| role == ADMIN);
    let asked = !operator.is_some_and(Operator::is_at_the_command_line);
    (is_admin && asked).then(|| Change::Role(RoleChange::RequireAdmin(identity.tenant.clone())))
}

/// Whether something that the changes depend on was changed since, so that the decision must be retried.
pub(crate) fn is_outdated(error: &CommitError) -> bool {
    matches!(error, CommitError::Stale(Guard::Identity | Guard::Roles))
}

/// The error after all retries failed.
pub(crate) fn keeps_changing() -> Failure {
    Failure::Unavailable("the user, the operator or the tenant's roles keep changing".to_owned())
}

impl From<CommitError> for ChangeUserError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Stale(Guard::LastAdmin) => Self::LastAdmin,
            other => Failure::from(other).into(),
        }
    }
}
