//! Checks a session for a proxy, which asks before it forwards a request to another service.

use std::sync::Arc;

use kayan_ports::{Aal, AuthenticatedSession, Identifier, SessionId};
use time::Duration;
use uuid::Uuid;

use crate::{
    AuthenticateError, Caller, Kayan, StepUpRequired,
    message::enqueue::{is_address, is_verified},
    policy::{assurance, role::Definitions},
};

/// What a service requires of its users.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requirements {
    /// The roles that the user must have, all of them, directly or by inheritance.
    pub roles: Vec<String>,
    /// The least assurance level.
    pub min_aal: Option<Aal>,
    /// How long ago the last proof may be.
    pub max_age: Option<Duration>,
}

/// The user of a request that may be forwarded.
#[derive(Debug)]
pub struct ForwardedUser {
    /// The username, or else the e-mail address if it is verified, or else the id. It is unique in the tenant.
    pub name: String,
    /// The first e-mail address that is verified.
    pub email: Option<String>,
    /// The names of all roles, inherited ones as well, in order.
    pub roles: Vec<String>,
    me: Arc<AuthenticatedSession>,
    definitions: Option<Arc<Definitions>>,
}

impl ForwardedUser {
    /// The session of the request.
    pub fn session(&self) -> SessionId {
        self.me.session.id
    }

    /// Whether it was made from these very objects, and not from ones that were read before or after them.
    fn is_made_from(&self, me: &Arc<AuthenticatedSession>, definitions: Option<&Arc<Definitions>>) -> bool {
        let is_same = match (&self.definitions, definitions) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        };
        is_same && Arc::ptr_eq(&self.me, me)
    }
}

/// Why a request is not forwarded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForwardAuthError {
    /// There is no valid session.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// The user lacks this role.
    #[error("the role `{0}` is required")]
    LacksRole(String),
    /// The session does not prove enough.
    #[error(transparent)]
    StepUp(#[from] StepUpRequired),
}

impl Kayan {
    /// The caller, if it meets all requirements. `known` returns the user that an earlier request of this session had, if the
    /// adapter still has it: it is used again unless the session, its owner or the roles were read anew since.
    pub async fn forward_auth(
        &self,
        caller: &Caller,
        required: &[&Requirements],
        known: impl FnOnce(SessionId) -> Option<Arc<ForwardedUser>> + Send,
    ) -> Result<Arc<ForwardedUser>, ForwardAuthError> {
        let me = self.who_am_i(caller).await?;
        let definitions = if me.identity.roles.is_empty() {
            None
        } else {
            Some(self.definitions(&me.identity.tenant).await.map_err(AuthenticateError::from)?)
        };
        let user = match known(me.session.id) {
            Some(user) if user.is_made_from(&me, definitions.as_ref()) => user,
            _ => Arc::new(self.forwarded_user(me, definitions)),
        };
        let mut roles = required.iter().flat_map(|required| &required.roles);
        // Before the level: a user without the role has no use for another proof.
        if let Some(lacking) = roles.find(|role| user.roles.binary_search(role).is_err()) {
            return Err(ForwardAuthError::LacksRole(lacking.clone()));
        }
        let now = self.clock.now();
        for required in required {
            assurance::require(&user.me.session, required.min_aal, required.max_age, now)?;
        }
        Ok(user)
    }

    fn forwarded_user(&self, me: Arc<AuthenticatedSession>, definitions: Option<Arc<Definitions>>) -> ForwardedUser {
        let identity = &me.identity;
        let identifiers = self.schema.identify(&identity.traits).unwrap_or_default();
        let find = |wanted: &dyn Fn(&Identifier) -> bool| {
            let found = identifiers.iter().map(|named| &named.value).find(|value| wanted(value));
            found.map(|value| value.as_str().to_owned())
        };
        // An address that is not verified may be another person's.
        let email = find(&|value| is_address(value) && is_verified(identity, value));
        let name = find(&is_username).or_else(|| email.clone()).unwrap_or_else(|| identity.id.to_string());
        let roles = definitions.as_ref().map(|known| known.effective(&identity.roles)).unwrap_or_default();
        ForwardedUser { name, email, roles, me, definitions }
    }
}

/// Whether an identifier is neither an address nor a phone number, which must be verified, nor like the id of another user.
fn is_username(value: &Identifier) -> bool {
    !value.as_str().contains('@') && !value.is_phone() && Uuid::try_parse(value.as_str()).is_err()
}

#[cfg(test)]
mod tests;
