//! Locks or unlocks an identity on an operator's behalf.

use kayan_ports::{Change, CommitError, EventType, Guard, Identity, State};
use serde_json::json;

use crate::{
    Failure, FindUserError, Kayan, Operator, UserRef, attempt, register::path, revoke_my_sessions::end_sessions,
};

/// The wish for another state.
#[derive(Debug)]
pub struct SetUserState {
    /// Whose.
    pub user: UserRef,
    /// The state wanted.
    pub state: State,
    /// Why, for the audit trail.
    pub reason: Option<String>,
}

/// Why the state is what it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetUserStateError {
    /// Nobody, or more than one.
    #[error(transparent)]
    Find(#[from] FindUserError),
}

impl From<Failure> for SetUserStateError {
    fn from(failure: Failure) -> Self {
        Self::Find(failure.into())
    }
}

impl Kayan {
    /// Sets the state; whoever is not active loses every session with it (I-11, I-22).
    pub async fn set_user_state(&self, operator: &Operator, cmd: SetUserState) -> Result<Identity, SetUserStateError> {
        let before = self.find_user(operator, &cmd.user).await?;
        let now = self.clock.now();
        let message = if cmd.state == State::Active { "a user was let in again" } else { "a user was shut out" };
        let event = self
            .operator_event(operator, &before.tenant, EventType::AdminAction, now, message)
            .about(before.id)
            .resource(path(&before))
            .with("action", if cmd.state == State::Locked { "user.lock" } else { "user.unlock" })
            .with("reason", cmd.reason)
            .values(Some(json!({ "state": before.state })), Some(json!({ "state": cmd.state })));
        let scope = operator.scope.clone();
        let mut changes = vec![Change::SetState { scope, identity: before.id, state: cmd.state, at: now }];
        if cmd.state != State::Active {
            changes.push(end_sessions(&before, None));
        }
        changes.push(event.record());
        match self.store.commit(changes).await {
            Ok(()) => {
                if cmd.state == State::Active {
                    self.unlock(&before).await?;
                }
                Ok(Identity { state: cmd.state, updated_at: now, version: before.version + 1, ..before })
            }
            Err(CommitError::Stale(Guard::Identity)) => Err(FindUserError::NotFound(cmd.user.0).into()),
            Err(other) => Err(Failure::from(other).into()),
        }
    }
}

impl Kayan {
    /// Forgets the wrong guesses at an identity, whatever it was called by.
    async fn unlock(&self, identity: &Identity) -> Result<(), Failure> {
        if self.settings.lockout.is_none() {
            return Ok(());
        }
        let named = self.schema.identify(&identity.traits).unwrap_or_default();
        let targets = named.iter().map(|named| attempt::target(&identity.tenant, &named.value));
        for target in targets.chain([attempt::target_of(&identity.tenant, identity.id)]) {
            self.attempts.unlock(&target).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
