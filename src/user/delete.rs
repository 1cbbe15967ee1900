//! Deletes a user for an operator.

use kayan_ports::{AccountChange, Change, EventType, Version};

use crate::{
    ChangeUserError, Kayan, Operator, UserRef,
    account::identity::path,
    policy::permission::Permission,
    user::change::{Changeable, Changing, ROUNDS, is_outdated, keeps_changing, require_admin},
};

/// Deletes a user.
#[derive(Debug)]
pub struct DeleteUser {
    /// The user.
    pub user: UserRef,
    /// Why, for the audit trail.
    pub reason: Option<String>,
    /// The version that was read; `None` skips the check.
    pub expected: Option<Version>,
}

impl Kayan {
    /// Deletes a user with their credentials and sessions; their audit events stay.
    pub async fn delete_user(&self, operator: &Operator, cmd: DeleteUser) -> Result<(), ChangeUserError> {
        let (user, expected, action) = (&cmd.user, cmd.expected, "user.delete");
        let changing = Changing { operator, user, expected, required: &Permission::USERS_DELETE, action };
        for _ in 0..ROUNDS {
            let changes = self.deletion(&changing, cmd.reason.clone()).await?;
            match self.store.changes.commit(changes).await {
                Err(error) if is_outdated(&error) => {}
                committed => return committed.map_err(ChangeUserError::from),
            }
        }
        Err(keeps_changing().into())
    }

    async fn deletion(&self, changing: &Changing<'_>, reason: Option<String>) -> Result<Vec<Change>, ChangeUserError> {
        let Changeable { before, holds: mut changes, .. } = self.changeable(changing).await?;
        let operator = changing.operator;
        if operator.identity == Some(before.id) {
            return Err(ChangeUserError::OwnAccount);
        }
        let now = self.clock.now();
        let deleted = self
            .operator_event(operator, &before.tenant, EventType::IdentityDeleted, now, "deleted by an administrator")
            .about(before.id)
            .resource(path(&before));
        let event = self
            .operator_event(operator, &before.tenant, EventType::AdminAction, now, "a user was deleted")
            .about(before.id)
            .resource(path(&before))
            .with("action", changing.action)
            .with("reason", reason);
        let (scope, expected) = (operator.scope.clone(), Some(before.version));
        changes.push(Change::Account(AccountChange::Delete { scope, identity: before.id, expected }));
        changes.extend(require_admin(Some(operator), &before));
        changes.extend([deleted.record(), event.record()]);
        Ok(changes)
    }
}
