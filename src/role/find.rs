//! Finds a tenant's roles.

use kayan_ports::{Role, TenantId, Timestamp};

use crate::{
    DefineRoleError, Kayan, Operator,
    policy::{permission::Permission, role::BUILT_IN},
};

impl Kayan {
    /// A tenant's roles: the built-in ones, which have version 0, and then its own by name.
    pub async fn list_roles(&self, operator: &Operator, tenant: &TenantId) -> Result<Vec<Role>, DefineRoleError> {
        self.permit(operator, &Permission::ROLES_READ, "role.list").await?;
        operator.may_see_roles_of(tenant)?;
        let stored = self.store.roles.roles(tenant).await?;
        let stored = stored.ok_or_else(|| DefineRoleError::NoTenant(tenant.clone()))?;
        Ok(built_in(tenant).chain(stored.defined).collect())
    }

    /// The role with this name, built in or the tenant's own.
    pub async fn find_role(&self, operator: &Operator, tenant: &TenantId, name: &str) -> Result<Role, DefineRoleError> {
        let roles = self.list_roles(operator, tenant).await?;
        roles.into_iter().find(|role| role.name == name).ok_or_else(|| DefineRoleError::NotFound(name.to_owned()))
    }
}

fn built_in(tenant: &TenantId) -> impl Iterator<Item = Role> {
    BUILT_IN.into_iter().map(|(name, permissions)| Role {
        tenant: tenant.clone(),
        name: name.to_owned(),
        description: "built in".to_owned(),
        permissions: permissions.iter().map(|text| (*text).to_owned()).collect(),
        parents: Vec::new(),
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        version: 0,
    })
}
