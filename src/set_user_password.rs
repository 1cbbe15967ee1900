//! Sets an identity's password on an operator's behalf.

use kayan_ports::{Change, CommitError, Credential, EventType, Guard, Password, Unique, Version};

use crate::{
    ChangeUserError, Failure, Kayan, Operator, UserRef, Weakness, change_user::Changing,
    policy::permission::Permission, register::path, revoke_my_sessions::end_sessions,
};

/// The wish for another password.
#[derive(Debug)]
pub struct SetUserPassword {
    /// Whose.
    pub user: UserRef,
    /// The new one.
    pub password: Password,
    /// The version that was seen, if it matters.
    pub expected: Option<Version>,
}

/// Why the password is what it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetUserPasswordError {
    /// It is not there to be changed, or not by this operator.
    #[error(transparent)]
    Change(#[from] ChangeUserError),
    /// Too weak.
    #[error(transparent)]
    WeakPassword(#[from] Weakness),
    /// Somebody else set it at the same moment.
    #[error("the password was changed by somebody else just now; look, and try again")]
    Raced,
}

impl From<Failure> for SetUserPasswordError {
    fn from(failure: Failure) -> Self {
        Self::Change(failure.into())
    }
}

impl Kayan {
    /// Sets the password and ends every session (I-22).
    pub async fn set_user_password(
        &self,
        operator: &Operator,
        cmd: SetUserPassword,
    ) -> Result<(), SetUserPasswordError> {
        let (user, expected, action) = (&cmd.user, cmd.expected, "user.set-password");
        let wish = Changing { operator, user, expected, required: &Permission::USERS_WRITE, action };
        let identity = self.changeable(&wish).await?;
        let identifiers = self.schema.identify(&identity.traits).unwrap_or_default();
        let settings = self.settings_of(&identity).await?;
        let tenant = &identity.tenant;
        let password =
            self.accept_password::<SetUserPasswordError>(tenant, &cmd.password, &identifiers, &settings).await?;
        let secret = self.hasher.hash(tenant, &password).await.map_err(Failure::from)?;
        let known = self.store.password(&operator.scope, identity.id).await.map_err(Failure::from)?;

        let now = self.clock.now();
        let event = self
            .operator_event(operator, &identity.tenant, EventType::AdminAction, now, "a user's password was set")
            .about(identity.id)
            .resource(path(&identity))
            .with("action", action);
        let put = match known {
            None => Change::AddCredential(Box::new(self.new_password(&identity, secret, now))),
            Some(known) => Change::ReplaceCredential(Box::new(Credential {
                secret,
                updated_at: now,
                version: known.version + 1,
                ..known
            })),
        };
        match self.store.commit(vec![put, end_sessions(&identity, None), event.record()]).await {
            Ok(()) => Ok(()),
            Err(CommitError::Stale(Guard::Credential) | CommitError::Conflict(Unique::Credential)) => {
                Err(SetUserPasswordError::Raced)
            }
            Err(other) => Err(Failure::from(other).into()),
        }
    }
}
