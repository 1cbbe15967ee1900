//! Sets a user's password for an operator.

use kayan_ports::{CommitError, EventType, Guard, MessageKind, Password, PasswordHash, Unique, Version};
use serde_json::Map;

use crate::{
    ChangeUserError, Failure, Kayan, Operator, UserRef, Weakness,
    access::grants::hold,
    account::identity::path,
    factor::password::NewPasswordOf,
    policy::permission::Permission,
    session::revoke_mine::end_sessions,
    user::change::{Changeable, Changing, ROUNDS, is_outdated, keeps_changing},
};

/// Sets a user's password.
#[derive(Debug)]
pub struct SetUserPassword {
    /// The user.
    pub user: UserRef,
    /// The new one.
    pub password: Password,
    /// The version that was read; `None` skips the check.
    pub expected: Option<Version>,
}

/// Why the password was not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetUserPasswordError {
    /// The user was not found, or may not be changed by this operator.
    #[error(transparent)]
    Change(#[from] ChangeUserError),
    /// The password is too weak.
    #[error(transparent)]
    WeakPassword(#[from] Weakness),
    /// The password was changed at the same time.
    #[error("the password was changed at the same time; read the user again and retry")]
    Raced,
}

impl From<Failure> for SetUserPasswordError {
    fn from(failure: Failure) -> Self {
        Self::Change(failure.into())
    }
}

impl Kayan {
    /// Sets the password and revokes every session (I-22).
    pub async fn set_user_password(
        &self,
        operator: &Operator,
        cmd: SetUserPassword,
    ) -> Result<(), SetUserPasswordError> {
        let (user, expected, action) = (&cmd.user, cmd.expected, "user.set-password");
        let changing = Changing { operator, user, expected, required: &Permission::USERS_WRITE, action };
        let mut hashed = None;
        for _ in 0..ROUNDS {
            let Changeable { before, holds: mut changes, .. } = self.changeable(&changing).await?;
            let identifiers = self.schema.identify(&before.traits).unwrap_or_default();
            let tenant = self.home_of(&before).await?;
            let of = NewPasswordOf { tenant: &tenant, identifiers: &identifiers, traits: &before.traits };
            let password = self.accept_password::<SetUserPasswordError>(&cmd.password, &of).await?;
            if hashed.is_none() {
                self.refuse_breached(&password, &tenant.settings).await?;
            }
            let current = self.store.credentials.password(&(&before.tenant).into(), before.id).await?;
            let former =
                self.refuse_reused::<SetUserPasswordError>(&password, current.as_ref(), &tenant.settings).await?;
            let secret = match &hashed {
                Some(secret) => PasswordHash::clone(secret),
                None => hashed.insert(self.hash_password(&tenant.id, &password).await?).clone(),
            };
            let put = self.put_password(&before, current, (secret, former), self.clock.now());
            changes.extend([hold(&before), end_sessions(&before, None), put]);
            let message = "a user's password was set";
            let event = self
                .operator_event(operator, &before.tenant, EventType::AdminAction, self.clock.now(), message)
                .about(before.id)
                .resource(path(&before))
                .with("action", action);
            changes.push(event.record());
            changes.extend(self.notice(None, &before, MessageKind::PasswordChanged, Map::new()).await?);
            match self.store.changes.commit(changes).await {
                Ok(()) => return Ok(()),
                Err(error) if is_outdated(&error) => {}
                Err(CommitError::Stale(Guard::Credential) | CommitError::Conflict(Unique::Credential)) => {
                    return Err(SetUserPasswordError::Raced);
                }
                Err(other) => return Err(Failure::from(other).into()),
            }
        }
        Err(keeps_changing().into())
    }
}
