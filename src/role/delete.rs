//! Deletes a role of a tenant.

use std::sync::Arc;

use kayan_ports::{Change, CommitError, Guard, RoleChange, TenantId, Version};

use crate::{
    DefineRoleError, Failure, Kayan, Operator,
    access::grants::Standing,
    policy::{
        permission::Permission,
        role::{Definitions, RoleError, is_built_in},
    },
    user::change::{ROUNDS, keeps_changing},
};

/// Deletes a role.
#[derive(Debug, Clone)]
pub struct DeleteRole {
    /// The tenant.
    pub tenant: TenantId,
    /// The role.
    pub name: String,
    /// The version that was read; `None` skips the check.
    pub expected: Option<Version>,
}

/// Why the role was not deleted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeleteRoleError {
    /// The role was not found, or may not be deleted by this operator.
    #[error(transparent)]
    Define(#[from] DefineRoleError),
    /// The role is assigned to a user, another role inherits from it, or the tenant requires a second factor of its holders.
    #[error("the role is in use: {0}")]
    InUse(String),
}

impl From<Failure> for DeleteRoleError {
    fn from(failure: Failure) -> Self {
        Self::Define(failure.into())
    }
}

impl Kayan {
    /// Deletes a role that no user has, no role inherits from, and the settings of the tenant don't name.
    pub async fn delete_role(&self, operator: &Operator, cmd: DeleteRole) -> Result<(), DeleteRoleError> {
        let (action, DeleteRole { tenant, name, expected }) = ("role.delete", cmd);
        self.permit(operator, &Permission::ROLES_DELETE, action).await.map_err(DefineRoleError::from)?;
        operator.may_see_roles_of(&tenant)?;
        if is_built_in(&name) {
            return Err(DefineRoleError::from(RoleError::BuiltIn(name)).into());
        }
        for _ in 0..ROUNDS {
            let stored = self.store.roles.roles(&tenant).await?;
            let stored = stored.ok_or_else(|| DefineRoleError::NoTenant(tenant.clone()))?;
            let role = stored.defined.iter().find(|role| role.name == name);
            let role = role.ok_or_else(|| DefineRoleError::NotFound(name.clone()))?;
            if expected.is_some_and(|expected| expected != role.version) {
                return Err(DefineRoleError::Changed.into());
            }
            if let Some(child) = stored.defined.iter().find(|child| child.parents.contains(&name)) {
                return Err(DeleteRoleError::InUse(format!("the role `{}` inherits from it", child.name)));
            }
            if self.requires_factor_of(&tenant, &name).await? {
                let why = "the tenant's `mfa_required_roles` name it; change that setting first";
                return Err(DeleteRoleError::InUse(why.to_owned()));
            }
            let definitions = Arc::new(Definitions::new(&stored));
            let required = (&Permission::ROLES_DELETE, action);
            let standing = self.standing_under(operator, &tenant, definitions, required).await;
            let Standing { grants, definitions, holds: mut changes } = standing.map_err(DefineRoleError::from)?;
            if let Some(missing) = grants.missing(&definitions.grants(std::slice::from_ref(&name))) {
                self.forbid(operator, missing, action).await.map_err(DefineRoleError::from)?;
            }
            let delete =
                Change::Role(RoleChange::Delete { tenant: tenant.clone(), name: name.clone(), expected: role.version });
            let event = self.role_event(operator, action, (Some(role), None), self.clock.now());
            changes.extend([delete, event]);
            let committed = self.store.changes.commit(changes).await;
            self.forget_roles(&tenant);
            match committed {
                Ok(()) => return Ok(()),
                Err(CommitError::Stale(Guard::RoleInUse)) => {
                    return Err(DeleteRoleError::InUse("users have it; revoke it from them first".to_owned()));
                }
                Err(CommitError::Stale(Guard::Roles | Guard::Role | Guard::Identity)) => {}
                Err(other) => return Err(Failure::from(other).into()),
            }
        }
        Err(keeps_changing().into())
    }

    /// Whether the settings of the tenant name this role as one whose holders need a second factor.
    async fn requires_factor_of(&self, tenant: &TenantId, role: &str) -> Result<bool, Failure> {
        let settings = self.store.tenants.tenant(tenant).await?.map(|tenant| tenant.settings);
        Ok(settings.and_then(|it| it.mfa_required_roles).iter().flatten().any(|name| name == role))
    }
}

#[cfg(test)]
mod tests;
