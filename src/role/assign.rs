//! Grants a role to a user, or revokes it.

use kayan_ports::{ADMIN, Change, EventType, Identity, RoleChange, Version};
use serde_json::json;

use crate::{
    ChangeUserError, Failure, Kayan, Operator, UserRef,
    account::identity::path,
    policy::{permission::Permission, role::UnknownRole},
    user::change::{Changeable, Changing, ROUNDS, is_outdated, keeps_changing, require_admin},
};

/// Grants or revokes a role.
#[derive(Debug)]
pub struct AssignRole {
    /// The user.
    pub user: UserRef,
    /// The role's name.
    pub role: String,
    /// Whether to grant or to revoke it.
    pub give: bool,
    /// The version that was read; `None` skips the check.
    pub expected: Option<Version>,
}

/// Why the roles were not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssignRoleError {
    /// The user was not found, or may not be changed by this operator.
    #[error(transparent)]
    Change(#[from] ChangeUserError),
    /// The role does not exist.
    #[error(transparent)]
    UnknownRole(#[from] UnknownRole),
}

impl From<Failure> for AssignRoleError {
    fn from(failure: Failure) -> Self {
        Self::Change(failure.into())
    }
}

impl Kayan {
    /// Grants or revokes a role; if that changes nothing, it succeeds. An operator grants only what it holds, and can't
    /// revoke roles of a user who holds more (I-30).
    pub async fn assign_role(&self, operator: &Operator, cmd: AssignRole) -> Result<Identity, AssignRoleError> {
        for _ in 0..ROUNDS {
            let (after, changes) = self.assigned(operator, &cmd).await?;
            match self.store.changes.commit(changes).await {
                Ok(()) => return Ok(after),
                Err(error) if is_outdated(&error) => {}
                Err(error) => return Err(ChangeUserError::from(error).into()),
            }
        }
        Err(keeps_changing().into())
    }

    /// The user after the change, and the changes to commit; none if nothing changes.
    async fn assigned(
        &self,
        operator: &Operator,
        cmd: &AssignRole,
    ) -> Result<(Identity, Vec<Change>), AssignRoleError> {
        let action = if cmd.give { "role.grant" } else { "role.revoke" };
        let (user, expected, required) = (&cmd.user, cmd.expected, &Permission::ROLES_WRITE);
        let changing = Changing { operator, user, expected, required, action };
        let Changeable { before, definitions, grants, holds: mut changes } = self.changeable(&changing).await?;
        if cmd.give {
            let names = [cmd.role.clone()];
            definitions.know(&names)?;
            if let Some(missing) = grants.missing(&definitions.grants(&names)) {
                self.forbid(operator, missing, action).await.map_err(ChangeUserError::from)?;
            }
        }
        let has = before.roles.contains(&cmd.role);
        if has == cmd.give {
            return Ok((before, Vec::new()));
        }
        let mut roles = before.roles.clone();
        if cmd.give {
            roles.push(cmd.role.clone());
        } else {
            roles.retain(|role| *role != cmd.role);
        }

        let now = self.clock.now();
        let message = if cmd.give { "a role was granted to a user" } else { "a role was revoked from a user" };
        let event = self
            .operator_event(operator, &before.tenant, EventType::AdminAction, now, message)
            .about(before.id)
            .resource(path(&before))
            .with("action", action)
            .with("role", cmd.role.as_str())
            .values(Some(json!({ "roles": before.roles })), Some(json!({ "roles": roles })));
        changes.push(Change::Role(RoleChange::Assign {
            tenant: before.tenant.clone(),
            identity: before.id,
            expected: before.version,
            roles: roles.clone(),
            at: now,
        }));
        if !cmd.give && cmd.role == ADMIN {
            changes.extend(require_admin(Some(operator), &before));
        }
        changes.push(event.record());
        Ok((Identity { roles, updated_at: now, version: before.version + 1, ..before }, changes))
    }
}
