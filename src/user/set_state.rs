//! Locks, deactivates or activates a user for an operator.

use kayan_ports::{
    AccountChange, Change, CommitError, EventType, Guard, Identity, Scope, State, Timestamp, Version, timestamp,
};
use serde_json::json;

use crate::{
    ChangeUserError, Failure, Kayan, Operator, UserRef,
    access::{attempt, idempotency::Once},
    account::identity::path,
    policy::permission::Permission,
    session::revoke_mine::end_sessions,
    user::change::{Changeable, Changing, ROUNDS, is_outdated, keeps_changing, require_admin},
};

/// Sets a user's state.
#[derive(Debug)]
pub struct SetUserState {
    /// The user.
    pub user: UserRef,
    /// The new state.
    pub state: State,
    /// When a lock ends by itself; `None`: it stays.
    pub until: Option<Timestamp>,
    /// Why, for the audit trail.
    pub reason: Option<String>,
    /// The version that was read; `None` skips the check.
    pub expected: Option<Version>,
}

impl SetUserState {
    /// The name of the action in the audit trail.
    pub(crate) fn action(state: State) -> &'static str {
        match state {
            State::Active => "user.unlock",
            State::Locked => "user.lock",
            State::Inactive | State::Pending => "user.deactivate",
        }
    }
}

impl Kayan {
    /// Sets the state; unless it is active, all sessions are revoked (I-11, I-22).
    pub async fn set_user_state(&self, operator: &Operator, cmd: SetUserState) -> Result<Identity, ChangeUserError> {
        let action = SetUserState::action(cmd.state);
        self.permit(operator, &Permission::USERS_WRITE, action).await?;
        self.once(operator, |once| self.put_state(once, operator, action, cmd)).await
    }

    async fn put_state(
        &self,
        once: Once<'_>,
        operator: &Operator,
        action: &'static str,
        cmd: SetUserState,
    ) -> Result<Identity, ChangeUserError> {
        let (user, expected) = (&cmd.user, cmd.expected);
        let changing = Changing { operator, user, expected, required: &Permission::USERS_WRITE, action };
        let until = cmd.until.filter(|_| cmd.state == State::Locked);
        for _ in 0..ROUNDS {
            let Changeable { before, holds: mut changes, .. } = self.changeable(&changing).await?;
            let (after, setting) = self.with_state(operator, &before, (cmd.state, until), cmd.reason.clone())?;
            changes.extend(setting);
            match once.commit(changes, Some(after.id), &after).await {
                Ok(()) => {
                    self.state_was_set(&after).await?;
                    return Ok(after);
                }
                Err(error) if is_outdated(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(keeps_changing().into())
    }

    /// The user in the new state, and the changes that set it.
    pub(crate) fn with_state(
        &self,
        operator: &Operator,
        before: &Identity,
        (state, until): (State, Option<Timestamp>),
        reason: Option<String>,
    ) -> Result<(Identity, Vec<Change>), ChangeUserError> {
        let shuts_out = state != State::Active;
        if shuts_out && operator.identity == Some(before.id) {
            return Err(ChangeUserError::OwnAccount);
        }
        let now = self.clock.now();
        if until.is_some_and(|until| until <= now) {
            return Err(ChangeUserError::LockIsOver);
        }
        if until.is_some() && !matches!(before.state, State::Active | State::Locked) {
            return Err(ChangeUserError::NotIn(before.state));
        }
        let message = if shuts_out { "a user was locked or deactivated" } else { "a user was activated" };
        let event = self
            .operator_event(operator, &before.tenant, EventType::AdminAction, now, message)
            .about(before.id)
            .resource(path(before))
            .with("action", SetUserState::action(state))
            .with("reason", reason)
            .with("until", until.map(timestamp::text))
            .values(Some(json!({ "state": before.state })), Some(json!({ "state": state })));
        let scope = operator.scope.clone();
        let (identity, expected) = (before.id, Some(before.version));
        let mut changes =
            vec![Change::Account(AccountChange::SetState { scope, identity, expected, state, until, at: now })];
        if shuts_out {
            changes.push(end_sessions(before, None));
            changes.extend(require_admin(Some(operator), before));
        }
        changes.push(event.record());
        Ok((Identity { state, updated_at: now, version: before.version + 1, ..before.clone() }, changes))
    }

    /// Unlocks users whose locks have ended. A user who can't be unlocked now does not delay the others.
    pub async fn end_locks(&self) -> Result<(), Failure> {
        loop {
            let (mut ended, mut failed) = (0, None);
            for locked in self.store.accounts.ended_locks(self.clock.now()).await? {
                match self.end_lock(&locked).await {
                    Ok(()) => ended += 1,
                    Err(failure) => failed = Some(failure),
                }
            }
            match failed {
                Some(failure) => return Err(failure),
                None if ended == 0 => return Ok(()),
                None => {}
            }
        }
    }

    async fn end_lock(&self, locked: &Identity) -> Result<(), Failure> {
        let (state, now) = (State::Active, self.clock.now());
        let event = self
            .bare_event(locked.tenant.clone(), EventType::AdminAction, now, "a user's lock ended")
            .about(locked.id)
            .resource(path(locked))
            .with("action", SetUserState::action(state))
            .values(Some(json!({ "state": locked.state })), Some(json!({ "state": state })));
        let (scope, expected) = (Scope::from(&locked.tenant), Some(locked.version));
        let set = Change::Account(AccountChange::SetState {
            scope,
            identity: locked.id,
            expected,
            state,
            until: None,
            at: now,
        });
        match self.store.changes.commit(vec![set, event.record()]).await {
            Ok(()) => self.unlock(locked).await,
            // An operator or another replica was faster.
            Err(CommitError::Stale(Guard::Identity)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// A user who is active again starts without failed attempts.
    pub(crate) async fn state_was_set(&self, after: &Identity) -> Result<(), Failure> {
        if after.state == State::Active { self.unlock(after).await } else { Ok(()) }
    }

    /// Forgets the failed attempts at all identifiers of a user.
    async fn unlock(&self, identity: &Identity) -> Result<(), Failure> {
        let named = self.schema.identify(&identity.traits).unwrap_or_default();
        let targets = named.iter().map(|named| attempt::target(&identity.tenant, &named.value));
        for target in
            targets.chain([attempt::target_of, attempt::factor_of].map(|of| of(&identity.tenant, identity.id)))
        {
            self.attempts.unlock(&target).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
