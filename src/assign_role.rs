//! Gives a role to an identity, or takes it away.

use kayan_ports::{ADMIN, Change, EventType, Identity, Version};
use serde_json::json;

use crate::{
    ChangeUserError, Failure, Kayan, Operator, UserRef,
    change_user::{Changing, refused},
    policy::{
        permission::Permission,
        role::{Definitions, UnknownRole},
    },
    register::path,
};

/// Two who keep changing the tenant's roles under each other's hands give up after so many rounds.
const ROUNDS: usize = 8;

/// The wish that somebody has a role, or has it no longer.
#[derive(Debug)]
pub struct AssignRole {
    /// Who.
    pub user: UserRef,
    /// The role's name.
    pub role: String,
    /// Whether to give it or to take it.
    pub give: bool,
    /// The version that was seen, if it matters.
    pub expected: Option<Version>,
}

/// Why somebody's roles are as before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssignRoleError {
    /// It is not there to be changed, or not by this operator.
    #[error(transparent)]
    Change(#[from] ChangeUserError),
    /// The role is not there.
    #[error(transparent)]
    UnknownRole(#[from] UnknownRole),
}

impl From<Failure> for AssignRoleError {
    fn from(failure: Failure) -> Self {
        Self::Change(failure.into())
    }
}

impl Kayan {
    /// Gives or takes a role; who has it already keeps it, and who lacks it goes on lacking it. Nobody gives what they
    /// don't hold, or takes from somebody who holds more (I-30).
    pub async fn assign_role(&self, operator: &Operator, cmd: AssignRole) -> Result<Identity, AssignRoleError> {
        for _ in 0..ROUNDS {
            match self.try_assigning(operator, &cmd).await {
                Err(AssignRoleError::Change(ChangeUserError::Changed)) if cmd.expected.is_none() => {}
                outcome => return outcome,
            }
        }
        Err(Failure::Unavailable("the user or the tenant's roles keep changing".to_owned()).into())
    }

    async fn try_assigning(&self, operator: &Operator, cmd: &AssignRole) -> Result<Identity, AssignRoleError> {
        let action = if cmd.give { "role.grant" } else { "role.revoke" };
        let (user, expected, required) = (&cmd.user, cmd.expected, &Permission::ROLES_WRITE);
        let before = self.changeable(&Changing { operator, user, expected, required, action }).await?;
        let definitions = self.definitions_now(&before.tenant).await?;
        if cmd.give {
            self.permit_role(operator, &definitions, &cmd.role, action).await?;
        }
        let has = before.roles.contains(&cmd.role);
        if has == cmd.give {
            return Ok(before);
        }
        let mut roles = before.roles.clone();
        if cmd.give {
            roles.push(cmd.role.clone());
        } else {
            roles.retain(|role| *role != cmd.role);
        }

        let now = self.clock.now();
        let message = if cmd.give { "a user was given a role" } else { "a role was taken from a user" };
        let event = self
            .operator_event(operator, &before.tenant, EventType::AdminAction, now, message)
            .about(before.id)
            .resource(path(&before))
            .with("action", action)
            .with("role", cmd.role.as_str())
            .values(Some(json!({ "roles": before.roles })), Some(json!({ "roles": roles })));
        let tenant = &before.tenant;
        let mut changes = vec![
            Change::HoldRoles { tenant: tenant.clone(), version: definitions.version },
            Change::SetRoles {
                tenant: tenant.clone(),
                identity: before.id,
                expected: before.version,
                roles: roles.clone(),
                at: now,
            },
        ];
        if !cmd.give && cmd.role == ADMIN && !operator.is_at_the_command_line() {
            changes.push(Change::KeepAdmin(tenant.clone()));
        }
        changes.push(event.record());
        let committed = self.store.commit(changes).await;
        committed.map_err(|error| refused(error, &cmd.user, Some(before.version)))?;
        Ok(Identity { roles, updated_at: now, version: before.version + 1, ..before })
    }

    async fn permit_role(
        &self,
        operator: &Operator,
        definitions: &Definitions,
        role: &str,
        action: &'static str,
    ) -> Result<(), AssignRoleError> {
        let names = [role.to_owned()];
        definitions.know(&names)?;
        match operator.grants.missing(&definitions.grants(&names)) {
            None => Ok(()),
            Some(missing) => Ok(self.forbid(operator, missing, action).await.map_err(ChangeUserError::from)?),
        }
    }
}
