//! Changes the caller's own password.

use kayan_ports::{Change, CommitError, Credential, EventType, Guard, Password, Presented, Verdict};

use crate::{AuthenticateError, Caller, Failure, Kayan, Weakness, revoke_my_sessions::end_sessions};

/// The wish for another password.
#[derive(Debug)]
pub struct ChangePassword {
    /// The present one.
    pub current_password: Password,
    /// The one wanted.
    pub new_password: Password,
}

/// Why the password is what it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangePasswordError {
    /// The caller is nobody.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// The present password is wrong, or there is none.
    #[error("the current password is wrong")]
    InvalidCredentials,
    /// The new one is too weak.
    #[error(transparent)]
    WeakPassword(#[from] Weakness),
}

impl From<Failure> for ChangePasswordError {
    fn from(failure: Failure) -> Self {
        Self::Authenticate(failure.into())
    }
}

impl Kayan {
    /// Replaces the password and ends every other session (I-22).
    pub async fn change_password(&self, caller: &Caller, cmd: ChangePassword) -> Result<(), ChangePasswordError> {
        let me = self.authenticate(caller, self.clock.now()).await?;
        let identifiers = self.schema.identify(&me.identity.traits).unwrap_or_default();
        self.judge_password(&cmd.new_password, &identifiers)?;
        let Some(current) = self.confirm_password(&me, &cmd.current_password).await? else {
            return Err(self.refuse_password(caller, &me).await?);
        };
        let secret = self.hasher.hash(&cmd.new_password).await.map_err(Failure::from)?;

        let now = self.clock.now();
        let event = self
            .event(
                caller,
                EventType::PasswordChanged,
                now,
                "the owner changed the password; other sessions were revoked",
            )
            .by(me.identity.id)
            .session(me.session.id);
        let changed = Credential { secret, updated_at: now, version: current.version + 1, ..current };
        let changes = vec![
            Change::ReplaceCredential(Box::new(changed)),
            end_sessions(&me.identity, Some(me.session.id)),
            event.record(),
        ];
        match self.store.commit(changes).await {
            Ok(()) => Ok(()),
            // Changed by somebody else in the meantime: what was confirmed is no longer the password.
            Err(CommitError::Stale(Guard::Credential)) => Err(ChangePasswordError::InvalidCredentials),
            Err(other) => Err(Failure::from(other).into()),
        }
    }

    /// The caller's password credential, if `password` is the password.
    pub(crate) async fn confirm_password(
        &self,
        me: &Presented,
        password: &Password,
    ) -> Result<Option<Credential>, Failure> {
        let known = self.store.password(&(&me.identity.tenant).into(), me.identity.id).await?;
        let verdict = self.hasher.verify(known.as_ref().map(|known| &known.secret), password).await?;
        Ok(if verdict == Verdict::Mismatch { None } else { known })
    }

    async fn refuse_password(&self, caller: &Caller, me: &Presented) -> Result<ChangePasswordError, Failure> {
        let event = self
            .event(caller, EventType::PasswordChanged, self.clock.now(), "the current password was wrong")
            .by(me.identity.id)
            .session(me.session.id)
            .failed(50);
        self.store.commit(vec![event.record()]).await?;
        Ok(ChangePasswordError::InvalidCredentials)
    }
}

#[cfg(test)]
mod tests;
