//! What all that changes a user for an operator has in common.

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

/// A decision that is outdated whenever it is committed is given up after so many rounds.
pub(crate) const ROUNDS: usize = 8;

/// Why a user is as before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeUserError {
    /// Nobody, or more than one, or not for this operator.
    #[error(transparent)]
    Find(#[from] FindUserError),
    /// Somebody has changed it since it was read.
    #[error("the user was changed by somebody else just now; look, and try again")]
    Changed,
    /// Nobody shuts themself out.
    #[error("this is your own account: nobody locks, deactivates or deletes themself here")]
    OwnAccount,
    /// A lock that ends has to begin first.
    #[error("the lock would be over before it began: give a moment that is to come")]
    LockIsOver,
    /// A lock that ends would let somebody in whom nobody has let in.
    #[error("the user is {}: a lock that ends would let them in; lock them without an end", .0.as_str())]
    NotIn(State),
    /// Nobody could administer the tenant any more.
    #[error("this is the last active user with the role `admin`: give it to somebody else first")]
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

/// A change of a user on its way.
pub(crate) struct Changing<'a> {
    pub(crate) operator: &'a Operator,
    pub(crate) user: &'a UserRef,
    /// The version that the operator has seen, if it matters to it.
    pub(crate) expected: Option<Version>,
    /// What it takes.
    pub(crate) required: &'a Permission,
    /// What the audit trail calls it.
    pub(crate) action: &'static str,
}

/// A user that may be changed, and what that decision rests on.
pub(crate) struct Changeable {
    /// The user as it was read. What changes it must expect this version.
    pub(crate) before: Identity,
    /// The roles of its tenant.
    pub(crate) definitions: Arc<Definitions>,
    /// What the operator may do.
    pub(crate) grants: Grants,
    /// The changes that begin the list: they keep everything else that the decision rests on.
    pub(crate) holds: Vec<Change>,
}

impl Kayan {
    /// The user as it is, if the operator may change it, and it is what the operator has seen. An operator changes nobody
    /// who may do something that it may not, for it could become them (I-30).
    pub(crate) async fn changeable(&self, wish: &Changing<'_>) -> Result<Changeable, ChangeUserError> {
        let Changing { operator, required, action, .. } = *wish;
        self.permit(operator, required, action).await?;
        let before = self.named(operator, wish.user).await?;
        let standing = self.standing(operator, &before.tenant, (required, action)).await?;
        let Standing { grants, definitions, holds } = standing;
        if let Some(missing) = grants.missing(&definitions.grants(&before.roles)) {
            self.forbid(operator, missing, action).await?;
        }
        if wish.expected.is_some_and(|expected| expected != before.version) {
            return Err(ChangeUserError::Changed);
        }
        Ok(Changeable { before, definitions, grants, holds })
    }
}

/// The change that ends a list which shuts `identity` out, or takes `admin` from it: the tenant keeps an administrator
/// (I-30). At the command line nobody is asked: it is the way back in.
pub(crate) fn keep_an_admin(operator: Option<&Operator>, identity: &Identity) -> Option<Change> {
    let is_admin = identity.state == State::Active && identity.roles.iter().any(|role| role == ADMIN);
    let asked = !operator.is_some_and(Operator::is_at_the_command_line);
    (is_admin && asked).then(|| Change::Role(RoleChange::RequireAdmin(identity.tenant.clone())))
}

/// Whether something that a list of changes was decided on has changed since, so that it is decided anew.
pub(crate) fn is_outdated(error: &CommitError) -> bool {
    matches!(error, CommitError::Stale(Guard::Identity | Guard::Roles))
}

/// What it means when decisions keep being outdated.
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
