//! What all that changes a user for an operator has in common.

use kayan_ports::{ADMIN, Change, CommitError, Guard, Identity, State, Version};

use crate::{DeniedError, Failure, FindUserError, Kayan, Operator, UserRef, policy::permission::Permission};

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

impl Kayan {
    /// The user as it is, if the operator may change it, and it is what the operator has seen.
    pub(crate) async fn changeable(&self, wish: &Changing<'_>) -> Result<Identity, ChangeUserError> {
        self.permit(wish.operator, wish.required, wish.action).await?;
        let identity = self.named(wish.operator, wish.user).await?;
        self.permit_over(wish.operator, &identity, wish.action).await?;
        if wish.expected.is_some_and(|expected| expected != identity.version) {
            return Err(ChangeUserError::Changed);
        }
        Ok(identity)
    }

    /// Puts the changes that shut `identity` out, or take `admin` from it, between those that keep the tenant's last
    /// administrator (I-30). At the command line nobody is asked: it is the way back in.
    pub(crate) async fn keeping_an_admin(
        &self,
        operator: Option<&Operator>,
        identity: &Identity,
        changes: &mut Vec<Change>,
    ) -> Result<(), Failure> {
        let is_admin = identity.state == State::Active && identity.roles.iter().any(|role| role == ADMIN);
        if operator.is_some_and(Operator::is_at_the_command_line) || !is_admin {
            return Ok(());
        }
        let version = self.definitions_now(&identity.tenant).await?.version;
        changes.insert(0, Change::HoldRoles { tenant: identity.tenant.clone(), version });
        changes.push(Change::KeepAdmin(identity.tenant.clone()));
        Ok(())
    }
}

/// What a commit that failed means for whoever wanted to change a user.
pub(crate) fn refused(error: CommitError, user: &UserRef, expected: Option<Version>) -> ChangeUserError {
    match error {
        CommitError::Stale(Guard::Identity) if expected.is_none() => FindUserError::NotFound(user.0.clone()).into(),
        CommitError::Stale(Guard::Identity | Guard::Roles) => ChangeUserError::Changed,
        CommitError::Stale(Guard::LastAdmin) => ChangeUserError::LastAdmin,
        other => Failure::from(other).into(),
    }
}
