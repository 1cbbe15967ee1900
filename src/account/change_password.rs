//! Changes the caller's own password.

use std::sync::Arc;

use kayan_ports::{
    Aal, AuthenticatedSession, CommitError, Credential, EventType, Guard, MessageKind, Password, Verdict,
};
use serde_json::Map;

use crate::{
    AttemptError, AuthenticateError, Caller, Failure, Kayan, Locked, Weakness,
    access::attempt,
    factor::password::NewPasswordOf,
    session::{revoke_mine::end_sessions, step_up::is_below_own_level},
};

/// Changes the caller's password.
#[derive(Debug)]
pub struct ChangePassword {
    /// The current password.
    pub current_password: Password,
    /// The new password.
    pub new_password: Password,
}

/// Why the password was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangePasswordError {
    /// The caller is not authenticated.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// The current password is wrong, or there is none.
    #[error("the current password is wrong")]
    InvalidCredentials,
    /// Too many failed attempts before this one.
    #[error(transparent)]
    Locked(#[from] Locked),
    /// The new password is too weak.
    #[error(transparent)]
    WeakPassword(#[from] Weakness),
}

impl From<Failure> for ChangePasswordError {
    fn from(failure: Failure) -> Self {
        Self::Authenticate(failure.into())
    }
}

impl From<AttemptError> for ChangePasswordError {
    fn from(error: AttemptError) -> Self {
        match error {
            AttemptError::Locked(locked) => locked.into(),
            AttemptError::Failed(failure) => failure.into(),
        }
    }
}

impl Kayan {
    /// Replaces the password and revokes every other session (I-22). A user with a second factor must have proven it.
    pub async fn change_password(&self, caller: &Caller, cmd: ChangePassword) -> Result<(), ChangePasswordError> {
        let me = self.authenticate_at_own_level(caller).await?;
        let identifiers = self.schema.identify(&me.identity.traits).unwrap_or_default();
        let tenant = self.home_of(&me.identity).await?;
        let of = NewPasswordOf { tenant: &tenant, identifiers: &identifiers, traits: &me.identity.traits };
        let password = self.accept_password::<ChangePasswordError>(&cmd.new_password, &of).await?;
        let Some(current) = self.confirm_password(caller, &me, &cmd.current_password).await? else {
            return Err(self.refuse_password(caller, &me).await?);
        };
        // Not before the current password was proven: these answers say which passwords were used.
        self.refuse_breached(&password, &tenant.settings).await?;
        let former = self.refuse_reused::<ChangePasswordError>(&password, Some(&current), &tenant.settings).await?;
        let secret = self.hash_password(&tenant.id, &password).await?;

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
        let notice = self.notice(Some(caller), &me.identity, MessageKind::PasswordChanged, Map::new()).await?;
        let mut changes = vec![
            end_sessions(&me.identity, Some(me.session.id)),
            Self::changed_password(current, secret, former, now),
            event.record(),
        ];
        changes.extend(notice);
        match self.store.changes.commit(changes).await {
            Ok(()) => Ok(()),
            // Changed at the same time: the confirmed password is no longer current.
            Err(CommitError::Stale(Guard::Credential)) => Err(ChangePasswordError::InvalidCredentials),
            Err(other) => Err(Failure::from(other).into()),
        }
    }

    /// The caller's session and identity, at aal2 if the user has a second factor. Asked before the password, so that no
    /// attempt is counted of a session that would not do.
    pub(crate) async fn authenticate_at_own_level(
        &self,
        caller: &Caller,
    ) -> Result<Arc<AuthenticatedSession>, AuthenticateError> {
        let me = self.authenticate(caller, self.clock.now()).await?;
        if me.session.aal < Aal::Aal2 {
            let factors = self.my_usable_factors(&me).await?;
            if is_below_own_level(&me.session, &factors) {
                return Err(AuthenticateError::LacksFactor);
            }
        }
        Ok(me)
    }

    /// The caller's password credential, if `password` is right.
    ///
    /// Attempts are counted here as well (I-10), apart from those of the login: the caller has a session already.
    pub(crate) async fn confirm_password(
        &self,
        caller: &Caller,
        me: &AuthenticatedSession,
        password: &Password,
    ) -> Result<Option<Credential>, AttemptError> {
        let (tenant, id) = (&me.identity.tenant, me.identity.id);
        let (target, name) = (attempt::target_of(tenant, id), id.to_string());
        let attempt = self.attempt(caller, attempt::CONFIRMATION, (target, &name), None).await?;
        let known = self.store.credentials.password(&tenant.into(), id).await;
        let verdict = match &known {
            Ok(known) => {
                let hash = known.as_ref().map(|known| &known.secret);
                self.compare_password(tenant, hash, password).await
            }
            Err(failure) => Err(failure.clone()),
        };
        match verdict {
            Ok(Verdict::Mismatch) => Ok(None),
            Ok(Verdict::Match | Verdict::MatchOutdated) => {
                let forgetting = self.forgetting(&attempt);
                self.commit(forgetting).await?;
                self.forget(attempt).await;
                Ok(known?)
            }
            Err(failure) => {
                self.release(attempt).await;
                Err(failure.into())
            }
        }
    }

    async fn refuse_password(
        &self,
        caller: &Caller,
        me: &AuthenticatedSession,
    ) -> Result<ChangePasswordError, Failure> {
        let event = self
            .event(caller, EventType::PasswordChanged, self.clock.now(), "the current password was wrong")
            .by(me.identity.id)
            .session(me.session.id)
            .failed(50);
        self.record(event).await?;
        Ok(ChangePasswordError::InvalidCredentials)
    }
}

#[cfg(test)]
mod tests;
