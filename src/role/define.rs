//! Defines a tenant's roles.

use std::sync::Arc;

use kayan_ports::{Change, CommitError, EventType, Guard, Role, RoleChange, TenantId, Timestamp, Unique, Version};
use serde_json::json;

use crate::{
    DeniedError, Failure, Kayan, Operator,
    access::{grants::Standing, idempotency::Once},
    policy::{
        permission::{Grants, Permission},
        role::{Definitions, RoleError, is_built_in},
    },
    user::change::{ROUNDS, keeps_changing},
};

/// Creates a role.
#[derive(Debug, Clone)]
pub struct CreateRole {
    /// The tenant.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// The permissions that it grants, as patterns.
    pub permissions: Vec<String>,
    /// The roles that it inherits from.
    pub parents: Vec<String>,
}

/// Changes a role; `None` leaves a value unchanged.
#[derive(Debug, Clone)]
pub struct UpdateRole {
    /// The tenant.
    pub tenant: TenantId,
    /// The role.
    pub name: String,
    /// Its description.
    pub description: Option<String>,
    /// The permissions that it grants, as patterns.
    pub permissions: Option<Vec<String>>,
    /// The roles that it inherits from.
    pub parents: Option<Vec<String>>,
    /// The version that was read; `None` skips the check.
    pub expected: Option<Version>,
}

/// Why the role was not created or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DefineRoleError {
    /// The operator may not, or does not hold what the role grants (I-30).
    #[error(transparent)]
    Denied(#[from] DeniedError),
    /// The definition is not valid.
    #[error(transparent)]
    Invalid(#[from] RoleError),
    /// The name is taken.
    #[error("there is a role `{0}` already")]
    AlreadyExists(String),
    /// There is no role with this name.
    #[error("there is no role `{0}`")]
    NotFound(String),
    /// The role was changed since it was read.
    #[error("the role was changed since it was read; read it again and retry")]
    Changed,
    /// The tenant does not exist, or the operator may not access it.
    #[error("there is no tenant `{0}`")]
    NoTenant(TenantId),
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// Creates a role.
    pub async fn create_role(&self, operator: &Operator, cmd: CreateRole) -> Result<Role, DefineRoleError> {
        let action = "role.create";
        self.permit(operator, &Permission::ROLES_WRITE, action).await?;
        operator.may_see_roles_of(&cmd.tenant)?;
        let now = self.clock.now();
        let CreateRole { tenant, name, description, permissions, parents } = cmd;
        let role =
            Role { tenant, name, description, permissions, parents, created_at: now, updated_at: now, version: 1 };
        self.define(operator, action, &role.tenant, |_| Ok((None, role.clone()))).await
    }

    /// Changes a role. The change applies to its users within five seconds on every replica.
    pub async fn update_role(&self, operator: &Operator, cmd: UpdateRole) -> Result<Role, DefineRoleError> {
        let action = "role.update";
        self.permit(operator, &Permission::ROLES_WRITE, action).await?;
        operator.may_see_roles_of(&cmd.tenant)?;
        if is_built_in(&cmd.name) {
            return Err(RoleError::BuiltIn(cmd.name).into());
        }
        let (tenant, now) = (cmd.tenant.clone(), self.clock.now());
        self.define(operator, action, &tenant, |roles: &[Role]| {
            let found = roles.iter().find(|role| role.name == cmd.name);
            let before = found.ok_or_else(|| DefineRoleError::NotFound(cmd.name.clone()))?;
            if cmd.expected.is_some_and(|expected| expected != before.version) {
                return Err(DefineRoleError::Changed);
            }
            Ok((Some(before.clone()), changed(before, &cmd, now)))
        })
        .await
    }

    async fn define(
        &self,
        operator: &Operator,
        action: &'static str,
        tenant: &TenantId,
        change: impl Fn(&[Role]) -> Result<(Option<Role>, Role), DefineRoleError>,
    ) -> Result<Role, DefineRoleError> {
        self.once(operator, |once| self.put_role(once, operator, action, tenant, change)).await
    }

    /// Reads the tenant's roles and changes them, again if another change came first.
    async fn put_role(
        &self,
        once: Once<'_>,
        operator: &Operator,
        action: &'static str,
        tenant: &TenantId,
        change: impl Fn(&[Role]) -> Result<(Option<Role>, Role), DefineRoleError>,
    ) -> Result<Role, DefineRoleError> {
        for _ in 0..ROUNDS {
            let stored = self.store.roles.roles(tenant).await?;
            let stored = stored.ok_or_else(|| DefineRoleError::NoTenant(tenant.clone()))?;
            let (before, role) = change(&stored.defined)?;
            let definitions = Arc::new(Definitions::new(&stored));
            definitions.judge(&role)?;
            let required = (&Permission::ROLES_WRITE, action);
            let standing = self.standing_under(operator, tenant, definitions, required).await?;
            self.permit_definition(operator, &standing, (before.as_ref(), &role), action).await?;
            let put = match before {
                None => Change::Role(RoleChange::Create(Box::new(role.clone()))),
                Some(_) => Change::Role(RoleChange::Replace(Box::new(role.clone()))),
            };
            let event = self.role_event(operator, action, (before.as_ref(), Some(&role)), role.updated_at);
            let mut changes = standing.holds;
            changes.extend([put, event]);
            let committed = once.commit(changes, None, &role).await;
            self.forget_roles(tenant);
            match committed {
                Ok(()) => return Ok(role),
                Err(CommitError::Conflict(Unique::Role)) => return Err(DefineRoleError::AlreadyExists(role.name)),
                Err(CommitError::Stale(Guard::Roles | Guard::Role | Guard::Identity)) => {}
                Err(other) => return Err(DefineRoleError::Failed(other.into())),
            }
        }
        Err(keeps_changing().into())
    }

    /// Checks that the operator holds all that the role granted before and grants afterwards, inherited permissions
    /// included.
    async fn permit_definition(
        &self,
        operator: &Operator,
        Standing { grants, definitions, .. }: &Standing,
        (before, role): (Option<&Role>, &Role),
        action: &'static str,
    ) -> Result<(), DefineRoleError> {
        let mut names: Vec<String> = role.parents.clone();
        names.extend(before.map(|before| before.name.clone()));
        let own = Grants::direct(role.permissions.iter().filter_map(|text| text.parse().ok()));
        let missing = grants.missing(&own).or_else(|| grants.missing(&definitions.grants(&names)));
        match missing {
            None => Ok(()),
            Some(missing) => Ok(self.forbid(operator, missing, action).await?),
        }
    }

    pub(crate) fn role_event(
        &self,
        operator: &Operator,
        action: &'static str,
        (before, after): (Option<&Role>, Option<&Role>),
        now: Timestamp,
    ) -> Change {
        let shown = |role: &Role| json!({ "description": role.description, "permissions": role.permissions, "parents": role.parents });
        let (tenant, name) = match before.or(after) {
            Some(role) => (role.tenant.clone(), role.name.clone()),
            None => (TenantId::default(), String::new()),
        };
        self.operator_event(operator, &tenant, EventType::AdminAction, now, "a role's definition was changed")
            .resource(format!("role/{name}"))
            .with("action", action)
            .values(before.map(shown), after.map(shown))
            .record()
    }
}

impl Operator {
    /// Checks that the operator may access the tenant's roles: an operator of one tenant has only its own (I-29).
    pub(crate) fn may_see_roles_of(&self, tenant: &TenantId) -> Result<(), DefineRoleError> {
        match self.scope.tenant() {
            Some(own) if own != tenant => Err(DefineRoleError::NoTenant(tenant.clone())),
            _ => Ok(()),
        }
    }
}

fn changed(before: &Role, cmd: &UpdateRole, now: Timestamp) -> Role {
    Role {
        description: cmd.description.clone().unwrap_or_else(|| before.description.clone()),
        permissions: cmd.permissions.clone().unwrap_or_else(|| before.permissions.clone()),
        parents: cmd.parents.clone().unwrap_or_else(|| before.parents.clone()),
        updated_at: now,
        version: before.version + 1,
        ..before.clone()
    }
}
