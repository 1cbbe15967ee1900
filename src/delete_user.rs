//! Removes an identity on an operator's behalf.

use kayan_ports::{Change, EventType, Version};

use crate::{
    ChangeUserError, Kayan, Operator, UserRef,
    change_user::{Changing, refused},
    policy::permission::Permission,
    register::path,
};

/// The wish to have somebody gone.
#[derive(Debug)]
pub struct DeleteUser {
    /// Who.
    pub user: UserRef,
    /// Why, for the audit trail.
    pub reason: Option<String>,
    /// The version that was seen, if it matters.
    pub expected: Option<Version>,
}

impl Kayan {
    /// Removes an identity with its credentials and sessions; its audit events stay.
    pub async fn delete_user(&self, operator: &Operator, cmd: DeleteUser) -> Result<(), ChangeUserError> {
        let (user, expected, action) = (&cmd.user, cmd.expected, "user.delete");
        let wish = Changing { operator, user, expected, required: &Permission::USERS_DELETE, action };
        let before = self.changeable(&wish).await?;
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
            .with("action", action)
            .with("reason", cmd.reason);
        let scope = operator.scope.clone();
        let mut changes = vec![Change::DeleteIdentity { scope, identity: before.id, expected }];
        self.keeping_an_admin(Some(operator), &before, &mut changes).await?;
        changes.extend([deleted.record(), event.record()]);
        self.store.commit(changes).await.map_err(|error| refused(error, &cmd.user, expected))
    }
}
