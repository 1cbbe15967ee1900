//! Deletes the caller's own account.

use kayan_ports::{Change, CommitError, EventType, Guard, Password};

use crate::{AttemptError, AuthenticateError, Caller, Failure, Kayan, Locked, register::path};

/// The wish to be forgotten.
#[derive(Debug)]
pub struct DeleteMe {
    /// The password, so that a stolen session is not enough.
    pub password: Password,
}

/// Why the account is still there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeleteMeError {
    /// The caller is nobody.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// The password is wrong, or there is none.
    #[error("the password is wrong")]
    InvalidCredentials,
    /// Nobody could administer the tenant any more.
    #[error("this is the last active user with the role `admin`: give it to somebody else first")]
    LastAdmin,
    /// Too many wrong guesses before this one.
    #[error(transparent)]
    Locked(#[from] Locked),
}

impl From<AttemptError> for DeleteMeError {
    fn from(error: AttemptError) -> Self {
        match error {
            AttemptError::Locked(locked) => locked.into(),
            AttemptError::Failed(failure) => Self::Authenticate(failure.into()),
        }
    }
}

impl Kayan {
    /// Removes the caller's identity with all that belongs to it. The audit trail keeps its events.
    pub async fn delete_me(&self, caller: &Caller, cmd: DeleteMe) -> Result<(), DeleteMeError> {
        let me = self.authenticate(caller, self.clock.now()).await?;
        let confirmed = self.confirm_password(caller, &me, &cmd.password).await?;
        let event = self
            .event(caller, EventType::IdentityDeleted, self.clock.now(), "the owner deleted the account")
            .by(me.identity.id)
            .session(me.session.id)
            .resource(path(&me.identity));
        let Some(password) = confirmed else {
            let refused = event.failed(50).record();
            self.store.commit(vec![refused]).await.map_err(|error| AuthenticateError::from(Failure::from(error)))?;
            return Err(DeleteMeError::InvalidCredentials);
        };
        let mut changes = vec![
            Change::UseCredential {
                tenant: caller.tenant.clone(),
                credential: password.id,
                version: password.version,
                at: self.clock.now(),
            },
            Change::DeleteIdentity { scope: (&caller.tenant).into(), identity: me.identity.id, expected: None },
        ];
        self.keeping_an_admin(None, &me.identity, &mut changes).await.map_err(AuthenticateError::from)?;
        changes.push(event.record());
        match self.store.commit(changes).await {
            Ok(()) => Ok(()),
            Err(CommitError::Stale(Guard::Credential)) => Err(DeleteMeError::InvalidCredentials),
            Err(CommitError::Stale(Guard::LastAdmin)) => Err(DeleteMeError::LastAdmin),
            Err(raced @ CommitError::Stale(Guard::Roles)) => {
                Err(AuthenticateError::from(Failure::Unavailable(raced.to_string())).into())
            }
            Err(CommitError::Stale(Guard::Identity)) => Err(AuthenticateError::Unauthorized.into()),
            Err(other) => Err(AuthenticateError::from(Failure::from(other)).into()),
        }
    }
}

#[cfg(test)]
mod tests;
