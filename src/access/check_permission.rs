//! Says whether somebody may do something.

use kayan_ports::{IdentityId, State};

use crate::{DeniedError, Failure, Kayan, Operator, policy::permission::Permission};

/// The question whether somebody may do something.
#[derive(Debug, Clone)]
pub struct CheckPermission {
    /// Who.
    pub identity: IdentityId,
    /// What.
    pub permission: Permission,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionCheck {
    /// Whether they may.
    pub allowed: bool,
    /// The role that lets them, behind those that they have it through.
    pub via: Vec<String>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckPermissionError {
    /// The operator may not ask.
    #[error(transparent)]
    Denied(#[from] DeniedError),
    /// There is nobody of this id where the operator may look.
    #[error("no user has the id `{0}`")]
    NotFound(IdentityId),
    /// The service can't tell.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// One read: the roles' definitions are at most five seconds old. Whoever is not active may nothing.
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
