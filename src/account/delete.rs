//! Deletes the caller's own account.

use kayan_ports::{
    AccountChange, AuthenticatedSession, Change, CommitError, CredentialChange, EventType, Guard, Identity, Password,
    RoleChange,
};

use crate::{
    AttemptError, AuthenticateError, Caller, Failure, Kayan, Locked,
    access::grants::hold,
    account::identity::path,
    audit::event::Event,
    user::change::{ROUNDS, is_outdated, keeps_changing, require_admin},
};

/// Deletes the caller's account.
#[derive(Debug)]
pub struct DeleteMe {
    /// The password, so that a stolen session is not enough.
    pub password: Password,
}

/// Why the account was not deleted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeleteMeError {
    /// The caller is not authenticated.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// The password is wrong, or there is none.
    #[error("the password is wrong")]
    InvalidCredentials,
    /// The tenant would be left without an administrator.
    #[error("this is the last active user with the role `admin`; give the role to another user first")]
    LastAdmin,
    /// Too many failed attempts before this one.
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
    /// Deletes the caller's identity with all that belongs to it. The audit trail keeps its events. A user with a second
    /// factor must have proven it.
    pub async fn delete_me(&self, caller: &Caller, cmd: DeleteMe) -> Result<(), DeleteMeError> {
        let mut me = self.authenticate_at_own_level(caller).await?;
        let Some(password) = self.confirm_password(caller, &me, &cmd.password).await? else {
            let refused = self.farewell(caller, &me).failed(50).record();
            self.store
                .changes
                .commit(vec![refused])
                .await
                .map_err(|error| AuthenticateError::from(Failure::from(error)))?;
            return Err(DeleteMeError::InvalidCredentials);
        };
        for _ in 0..ROUNDS {
            let proof = Change::Credential(CredentialChange::Use {
                tenant: caller.tenant.clone(),
                credential: password.id,
                version: password.version,
                at: self.clock.now(),
            });
            let farewell = self.farewell(caller, &me);
            let changes = self.own_deletion(&me.identity, proof, farewell).await.map_err(AuthenticateError::from)?;
            match self.store.changes.commit(changes).await {
                Ok(()) => return Ok(()),
                Err(error) if is_outdated(&error) => me = self.authenticate(caller, self.clock.now()).await?,
                Err(CommitError::Stale(Guard::Credential)) => return Err(DeleteMeError::InvalidCredentials),
                Err(CommitError::Stale(Guard::LastAdmin)) => return Err(DeleteMeError::LastAdmin),
                Err(other) => return Err(AuthenticateError::from(Failure::from(other)).into()),
            }
        }
        Err(AuthenticateError::from(keeps_changing()).into())
    }

    /// The changes that delete an account for its owner, guarded by the version of the identity read and by the `proof` that its
    /// owner wants it.
    pub(crate) async fn own_deletion(
        &self,
        identity: &Identity,
        proof: Change,
        farewell: Event,
    ) -> Result<Vec<Change>, Failure> {
        let require_admin = require_admin(None, identity);
        let mut changes = Vec::with_capacity(6);
        if require_admin.is_some() {
            let (tenant, version) = (identity.tenant.clone(), self.definitions_now(&identity.tenant).await?.version);
            changes.push(Change::Role(RoleChange::Pin { tenant, version }));
        }
        changes.extend([
            hold(identity),
            proof,
            Change::Account(AccountChange::Delete {
                scope: (&identity.tenant).into(),
                identity: identity.id,
                expected: Some(identity.version),
            }),
        ]);
        changes.extend(require_admin);
        changes.push(farewell.record());
        Ok(changes)
    }

    fn farewell(&self, caller: &Caller, me: &AuthenticatedSession) -> Event {
        self.event(caller, EventType::IdentityDeleted, self.clock.now(), "the owner deleted the account")
            .by(me.identity.id)
            .session(me.session.id)
            .resource(path(&me.identity))
    }
}

#[cfg(test)]
mod tests;
