//! Changes the caller's own traits.

use kayan_ports::{
    AccountChange, AuthenticatedSession, Change, CommitError, EventType, Guard, Identifier, Identity, Timestamp,
    Traits, Unique,
};
use serde_json::Value;

use crate::{
    AuthenticateError, Caller, Failure, FieldError, Kayan, account::identity::path, message::enqueue::is_verified,
    policy::identifier,
};

/// How often a change is retried when others keep changing the same rows.
const ROUNDS: usize = 8;

/// Changes the caller's traits by a JSON Merge Patch (RFC 7396), in which `null` removes.
#[derive(Debug)]
pub struct UpdateMe {
    /// The patch.
    pub traits: Traits,
}

/// Why the traits were not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpdateMeError {
    /// The caller is not authenticated.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// The patched traits do not match the identity schema.
    #[error("the traits are not valid")]
    InvalidTraits(Vec<FieldError>),
    /// No identifier would be left to log in with.
    #[error("this would remove the last identifier, which is needed to log in; set another one in the same request")]
    LastIdentifier,
    /// The new identifier is taken.
    #[error("an account with this identifier exists already")]
    AlreadyExists,
}

/// Why a patch was refused.
pub(crate) enum PatchError {
    Invalid(Vec<FieldError>),
    LastIdentifier,
}

impl From<PatchError> for UpdateMeError {
    fn from(error: PatchError) -> Self {
        match error {
            PatchError::Invalid(fields) => Self::InvalidTraits(fields),
            PatchError::LastIdentifier => Self::LastIdentifier,
        }
    }
}

impl Kayan {
    /// Patches the caller's traits; an address that is removed is no longer verified.
    pub async fn update_me(&self, caller: &Caller, cmd: UpdateMe) -> Result<Identity, UpdateMeError> {
        let mut last = Failure::Unavailable("the identity keeps changing".to_owned());
        for _ in 0..ROUNDS {
            let now = self.clock.now();
            let me = self.authenticate(caller, now).await?;
            let (after, replace) = self.patched(&me.identity, &cmd.traits, None, now)?;
            match self.store.changes.commit(vec![replace, self.updated(caller, &me, &after)]).await {
                Ok(()) => return Ok(after),
                Err(CommitError::Conflict(Unique::Identifier)) => return Err(UpdateMeError::AlreadyExists),
                Err(error @ CommitError::Stale(Guard::Identity)) => last = Failure::Unavailable(error.to_string()),
                Err(other) => return Err(AuthenticateError::from(Failure::from(other)).into()),
            }
        }
        Err(AuthenticateError::from(last).into())
    }

    /// An identity with a patch merged into its traits, and the change that stores it, guarded by the version that was
    /// read. An address that is removed is no longer verified; `proven` is from now on.
    pub(crate) fn patched(
        &self,
        before: &Identity,
        patch: &Traits,
        proven: Option<&Identifier>,
        now: Timestamp,
    ) -> Result<(Identity, Change), PatchError> {
        let mut after = before.clone();
        merge(&mut after.traits, patch);
        let identifiers = self.schema.identify(&after.traits).map_err(PatchError::Invalid)?;
        // Not required of users who were imported without one.
        let had_one = || self.schema.identify(&before.traits).map_or(true, |named| !named.is_empty());
        if identifiers.is_empty() && self.schema.requires_identifier() && had_one() {
            return Err(PatchError::LastIdentifier);
        }
        after.verified.retain(|address| {
            identifier::canonical(address).is_ok_and(|kept| identifiers.iter().any(|named| named.value == kept))
        });
        let proven = proven.filter(|proven| !is_verified(&after, proven)).map(|proven| proven.as_str().to_owned());
        after.verified.extend(proven);
        after.updated_at = now;
        after.version += 1;
        let replace = Change::Account(AccountChange::ReplaceTraits {
            tenant: after.tenant.clone(),
            identity: after.id,
            expected: before.version,
            traits: after.traits.clone(),
            identifiers,
            verified: after.verified.clone(),
            at: now,
        });
        Ok((after, replace))
    }

    fn updated(&self, caller: &Caller, me: &AuthenticatedSession, after: &Identity) -> Change {
        self.event(caller, EventType::IdentityUpdated, after.updated_at, "the owner changed traits")
            .by(after.id)
            .session(me.session.id)
            .resource(path(after))
            .values(Some(Value::Object(me.identity.traits.0.clone())), Some(Value::Object(after.traits.0.clone())))
            .record()
    }
}

/// The patch that sets one trait, or removes it with `null`. `path` is a JSON Pointer (RFC 6901) without its first `/`.
pub(crate) fn setting(path: &str, value: Value) -> Traits {
    let names = path.split('/').map(|name| name.replace("~1", "/").replace("~0", "~"));
    let nested = names.rev().fold(value, |inner, name| Value::Object([(name, inner)].into_iter().collect()));
    match nested {
        Value::Object(traits) => Traits(traits),
        _ => Traits::default(),
    }
}

/// Merges the top object as RFC 7396, section 2, says.
pub(crate) fn merge(target: &mut Traits, patch: &Traits) {
    fn member(target: &mut Value, patch: &Value) {
        let Value::Object(changes) = patch else {
            *target = patch.clone();
            return;
        };
        if !target.is_object() {
            *target = Value::Object(serde_json::Map::new());
        }
        if let Value::Object(map) = target {
            apply(map, changes);
        }
    }
    fn apply(map: &mut serde_json::Map<String, Value>, changes: &serde_json::Map<String, Value>) {
        for (name, change) in changes {
            if change.is_null() {
                map.remove(name);
            } else {
                member(map.entry(name.clone()).or_insert(Value::Null), change);
            }
        }
    }
    apply(&mut target.0, &patch.0);
}

#[cfg(test)]
mod tests;
