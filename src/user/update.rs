//! Changes a user's traits and state for an operator.

use kayan_ports::{Change, CommitError, EventType, Identity, State, Traits, Unique, Version};
use serde_json::{Map, Value, json};

use crate::{
    ChangeUserError, FieldError, Kayan, Operator, UserRef,
    account::{identity::path, update::PatchError},
    policy::permission::Permission,
    user::change::{Changeable, Changing, ROUNDS, is_outdated, keeps_changing},
};

/// Changes a user's traits, state, or both.
#[derive(Debug)]
pub struct UpdateUser {
    /// The user.
    pub user: UserRef,
    /// A merge patch (RFC 7396) of the traits.
    pub traits: Option<Traits>,
    /// The new state.
    pub state: Option<State>,
    /// The version that was read; `None` skips the check.
    pub expected: Option<Version>,
}

/// Why the user was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpdateUserError {
    /// The user was not found, or may not be changed by this operator.
    #[error(transparent)]
    Change(#[from] ChangeUserError),
    /// The traits would not match the identity schema.
    #[error("the traits are not valid")]
    InvalidTraits(Vec<FieldError>),
    /// No identifier would be left to log in with.
    #[error("this would remove the last identifier, which is needed to log in; set another one in the same request")]
    LastIdentifier,
    /// The identifier is taken.
    #[error("a user with this identifier exists already")]
    AlreadyExists,
}

impl From<PatchError> for UpdateUserError {
    fn from(error: PatchError) -> Self {
        match error {
            PatchError::Invalid(fields) => Self::InvalidTraits(fields),
            PatchError::LastIdentifier => Self::LastIdentifier,
        }
    }
}

impl Kayan {
    /// Merges the patch into the traits and sets the state, both or neither.
    pub async fn update_user(&self, operator: &Operator, cmd: UpdateUser) -> Result<Identity, UpdateUserError> {
        let (user, action) = (&cmd.user, "user.update");
        let changing = Changing { operator, user, expected: cmd.expected, required: &Permission::USERS_WRITE, action };
        for _ in 0..ROUNDS {
            let Changeable { before, holds: mut changes, .. } = self.changeable(&changing).await?;
            let mut after = before.clone();
            if let Some(patch) = &cmd.traits {
                let (patched, replace) = self.patched(&before, patch, None, self.clock.now())?;
                changes.extend([replace, self.traits_changed(operator, &before, &patched)]);
                after = patched;
            }
            // Locking a user again removes the end of an earlier lock.
            let state = cmd.state.filter(|state| *state != before.state || *state == State::Locked);
            if let Some(state) = state {
                let (set, setting) = self.with_state(operator, &after, (state, None), None)?;
                changes.extend(setting);
                after = set;
            }
            match self.store.changes.commit(changes).await {
                Ok(()) => {}
                Err(error) if is_outdated(&error) => continue,
                Err(CommitError::Conflict(Unique::Identifier)) => return Err(UpdateUserError::AlreadyExists),
                Err(other) => return Err(ChangeUserError::from(other).into()),
            }
            if state.is_some() {
                self.state_was_set(&after).await.map_err(ChangeUserError::from)?;
            }
            return Ok(after);
        }
        Err(ChangeUserError::from(keeps_changing()).into())
    }

    fn traits_changed(&self, operator: &Operator, before: &Identity, after: &Identity) -> Change {
        let (old, new) = differences(&before.traits.0, &after.traits.0);
        let message = "a user's traits were changed";
        self.operator_event(operator, &before.tenant, EventType::AdminAction, after.updated_at, message)
            .about(before.id)
            .resource(path(before))
            .with("action", "user.update")
            .values(Some(json!({ "traits": old })), Some(json!({ "traits": new })))
            .record()
    }
}

/// The members that differ, before and after.
fn differences(old: &Map<String, Value>, new: &Map<String, Value>) -> (Map<String, Value>, Map<String, Value>) {
    let without = |these: &Map<String, Value>, others: &Map<String, Value>| {
        let mut differing = these.clone();
        differing.retain(|name, value| others.get(name) != Some(value));
        differing
    };
    (without(old, new), without(new, old))
}

#[cfg(test)]
mod tests;
