//! Changes the caller's own traits.

use kayan_ports::{
    AccountChange, AuthenticatedSession, Change, CommitError, EventType, Guard, Identifier, Identity, NamedIdentifier,
    Timestamp, Traits, Unique,
};
use serde_json::Value;

use crate::{
    AuthenticateError, Caller, Failure, FieldError, Kayan, RequestLinkError,
    account::identity::path,
    flow::email_change::new_address_link,
    message::enqueue::{is_address, is_verified},
    policy::{disposable, identifier},
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
    /// The caller is not authenticated, or a new e-mail address can't be mailed the link that proves it.
    #[error(transparent)]
    Link(#[from] RequestLinkError),
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
    /// Patches the caller's traits. An e-mail address in the place of another one is not set: it is mailed the link that proves it,
    /// and takes the old one's place when that is opened (I-14).
    pub async fn update_me(&self, caller: &Caller, cmd: UpdateMe) -> Result<Identity, UpdateMeError> {
        let (mut last, mut is_counted) = (Failure::Unavailable("the identity keeps changing".to_owned()), false);
        for _ in 0..ROUNDS {
            let now = self.clock.now();
            let me = self.authenticate(caller, now).await.map_err(RequestLinkError::from)?;
            let (mut after, mut replace) = self.patched(&me.identity, &cmd.traits, None, now)?;
            self.refuse_disposable(&me, &after)?;
            let mut link = Vec::new();
            if let Some((old, new)) = self.unproven(&me.identity, &after) {
                let mut patch = cmd.traits.clone();
                merge(&mut patch, &setting(&old.field, trait_at(&me.identity.traits, &old.field)));
                (after, replace) = self.patched(&me.identity, &patch, None, now)?;
                if let Some((other, _)) = self.unproven(&me.identity, &after) {
                    return Err(one_at_a_time(&other.field));
                }
                self.may_request_link(&me, now).await?;
                if !std::mem::replace(&mut is_counted, true) {
                    self.limit_mails::<RequestLinkError>(caller, &new).await?;
                }
                let changes = self.own_link(caller, &me, new_address_link(&old.value, &new), now).await;
                link = changes.map_err(RequestLinkError::from)?;
            }
            let stays = !link.is_empty() && after.traits == me.identity.traits;
            let changes = if stays {
                link
            } else {
                let updated = self.updated(caller, &me, &after);
                [replace].into_iter().chain(link).chain([updated]).collect()
            };
            match self.store.changes.commit(changes).await {
                Ok(()) => return Ok(if stays { me.identity.clone() } else { after }),
                Err(CommitError::Conflict(Unique::Identifier)) => return Err(UpdateMeError::AlreadyExists),
                Err(CommitError::Stale(Guard::Session)) => {
                    return Err(RequestLinkError::from(AuthenticateError::Unauthorized).into());
                }
                Err(error @ CommitError::Stale(Guard::Identity)) => last = Failure::Unavailable(error.to_string()),
                Err(other) => return Err(RequestLinkError::from(Failure::from(other)).into()),
            }
        }
        Err(RequestLinkError::from(last).into())
    }

    /// The first e-mail address with another one in its place that is not verified, and that one.
    fn unproven(&self, before: &Identity, after: &Identity) -> Option<(NamedIdentifier, Identifier)> {
        let mut addresses = self.schema.identify(&before.traits).unwrap_or_default();
        addresses.retain(|named| is_address(&named.value));
        addresses.into_iter().find_map(|old| {
            // Looked up by its trait: among identifiers, a value that occurs twice is listed under one trait only.
            let new = identifier::canonical(trait_at(&after.traits, &old.field).as_str()?).ok()?;
            let is_unproven = new != old.value && is_address(&new) && !is_verified(before, &new);
            is_unproven.then_some((old, new))
        })
    }

    fn refuse_disposable(&self, me: &AuthenticatedSession, after: &Identity) -> Result<(), UpdateMeError> {
        let (known, mut new) = (self.addresses(&me.identity), self.schema.identify(&after.traits).unwrap_or_default());
        new.retain(|named| !known.contains(&named.value));
        let refused = disposable::judge(&me.settings, &new);
        if refused.is_empty() { Ok(()) } else { Err(UpdateMeError::InvalidTraits(refused)) }
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

fn one_at_a_time(field: &str) -> UpdateMeError {
    let message = "must not be changed in the same request as another e-mail address";
    UpdateMeError::InvalidTraits(vec![FieldError::new(format!("/traits/{field}"), "one_at_a_time", message)])
}

/// The trait at a JSON Pointer (RFC 6901) without its first `/`; null if there is none.
fn trait_at(traits: &Traits, path: &str) -> Value {
    Value::Object(traits.0.clone()).pointer(&format!("/{path}")).cloned().unwrap_or_default()
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
