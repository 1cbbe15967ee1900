//! Removes a user's second factors, for an operator.

use kayan_ports::{Change, EventType, FactorChange, MessageKind, Removed, Version};

use crate::{
    ChangeUserError, Failure, Kayan, Operator, UserRef,
    access::grants::hold,
    account::identity::path,
    policy::permission::Permission,
    session::revoke_mine::end_sessions,
    user::change::{Changeable, Changing, ROUNDS, is_outdated, keeps_changing},
};

/// Whose second factors to remove.
#[derive(Debug)]
pub struct ResetMfa {
    /// The user.
    pub user: UserRef,
    /// The version that was read, if it matters.
    pub expected: Option<Version>,
}

impl Kayan {
    /// Removes all second factors of a user and revokes their sessions; answers how many apps and codes there were.
    pub async fn reset_mfa(&self, operator: &Operator, cmd: &ResetMfa) -> Result<usize, ChangeUserError> {
        let (user, expected, action) = (&cmd.user, cmd.expected, "user.reset-mfa");
        let wanted = Changing { operator, user, expected, required: &Permission::USERS_WRITE, action };
        for _ in 0..ROUNDS {
            let Changeable { before, holds: mut changes, .. } = self.changeable(&wanted).await?;
            let (tenant, identity) = (&before.tenant, before.id);
            let factors = self.store.factors.factors(tenant, identity).await?;
            changes.extend([
                hold(&before),
                end_sessions(&before, None),
                Change::Factor(FactorChange::Remove { tenant: tenant.clone(), identity, which: Removed::All }),
            ]);
            let message = "a user's second factors were removed";
            let event = self
                .operator_event(operator, tenant, EventType::AdminAction, self.clock.now(), message)
                .about(identity)
                .resource(path(&before))
                .with("action", action)
                .with("removed", factors.len());
            changes.push(event.record());
            let names: Vec<_> = factors.iter().map(|factor| &*factor.name).filter(|name| !name.is_empty()).collect();
            let names = names.join(", ");
            changes.extend(self.factor_notice(None, &before, MessageKind::FactorRemoved, &names).await?);
            match self.store.changes.commit(changes).await {
                Ok(()) => return Ok(factors.len()),
                Err(error) if is_outdated(&error) => {}
                Err(other) => return Err(Failure::from(other).into()),
            }
        }
        Err(keeps_changing().into())
    }
}
