//! Checks whether a user has a permission.

use kayan_ports::{IdentityId, State};

use crate::{DeniedError, Failure, Kayan, Operator, policy::permission::Permission};

/// A permission check.
#[derive(Debug, Clone)]
pub struct CheckPermission {
    /// The user.
    pub identity: IdentityId,
    /// The permission.
    pub permission: Permission,
}

/// The result of a permission check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionCheck {
    /// Whether the user has the permission.
    pub allowed: bool,
    /// The role that grants it, after the roles through which the user has that one.
    pub via: Vec<String>,
}

/// Why a check was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckPermissionError {
    /// The operator lacks the permission to check.
    #[error(transparent)]
    Denied(#[from] DeniedError),
    /// There is no user with this id in the operator's scope.
    #[error("no user has the id `{0}`")]
    NotFound(IdentityId),
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// One read; the role definitions are at most five seconds old. An inactive user has no permissions.
    pub async fn check_permission(
        &self,
        operator: &Operator,
        query: &CheckPermission,
    ) -> Result<PermissionCheck, CheckPermissionError> {
        self.permit(operator, &Permission::ROLES_READ, "permission.check").await?;
        let found = self.store.accounts.identity(&operator.scope, query.identity).await?;
        let identity = found.ok_or(CheckPermissionError::NotFound(query.identity))?;
        let grants = self.grants_of(&identity).await?;
        let via = grants.via(&query.permission).filter(|_| identity.state == State::Active);
        Ok(PermissionCheck { allowed: via.is_some(), via: via.map(<[String]>::to_vec).unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests;
