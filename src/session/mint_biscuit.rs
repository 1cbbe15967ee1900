//! Gives the owner of a session a short biscuit for other services.

use std::{collections::BTreeSet, fmt};

use kayan_ports::{AuthenticatedSession, BiscuitFacts, Timestamp};
use time::Duration;
use zeroize::Zeroizing;

use crate::{
    AuthenticateError, BiscuitKey, Caller, Failure, FieldError, Grants, Kayan, Pattern,
    policy::token_claims::DEFAULT_TTL,
};

/// The most permissions in a biscuit: libraries give up on a biscuit of a thousand facts.
const MOST_PERMISSIONS: usize = 100;

/// A request for a biscuit.
#[derive(Debug, Clone, Default)]
pub struct MintBiscuit {
    /// Its lifetime in seconds, at most [`DEFAULT_TTL`]; `None`: that.
    pub ttl: Option<u32>,
    /// The permissions that it has, as patterns, and then no roles; `None`: all that the user has of both.
    pub permissions: Option<Vec<String>>,
}

/// A biscuit. Prints without it.
pub struct MintedBiscuit {
    /// The biscuit, in the base64 of its specification.
    pub token: Zeroizing<String>,
    /// The key that verifies it.
    pub key: BiscuitKey,
    /// When it expires, in whole seconds.
    pub expires_at: Timestamp,
}

impl fmt::Debug for MintedBiscuit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MintedBiscuit([redacted], {}, {})", self.key.id, self.expires_at)
    }
}

/// Why there is no biscuit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MintBiscuitError {
    /// The caller is not authenticated.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// The user lacks a permission that the biscuit is to have.
    #[error("you don't hold the permission `{0}`")]
    Forbidden(Pattern),
    /// The lifetime or the permissions are not valid.
    #[error("the request is not valid")]
    Invalid(FieldError),
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// A biscuit with the user's roles and permissions, or with some of the latter alone: a service may let a role do anything. It ends
    /// with the session's token at the latest.
    pub async fn mint_biscuit(&self, caller: &Caller, cmd: MintBiscuit) -> Result<MintedBiscuit, MintBiscuitError> {
        let now = self.clock.now();
        let me = self.authenticate(caller, now).await?;
        let ttl = cmd.ttl.unwrap_or(DEFAULT_TTL);
        if !(1..=DEFAULT_TTL).contains(&ttl) {
            return Err(invalid("/ttl", "range", format!("must be 1 to {DEFAULT_TTL}")));
        }
        let AuthenticatedSession { session, identity, .. } = &*me;
        let held = self.grants_of(identity).await?;
        let (roles, permissions) = match cmd.permissions {
            Some(asked) => (Vec::new(), chosen(&held, &asked)?),
            None => (identity.roles.clone(), held.patterns().cloned().collect()),
        };
        if permissions.len() > MOST_PERMISSIONS {
            let message = format!("would be more than {MOST_PERMISSIONS}: name those that the biscuit is for");
            return Err(invalid("/permissions", "maxItems", message));
        }
        let expires_at = (now + Duration::seconds(ttl.into())).min(session.expires_at).truncate_to_second();
        let facts = BiscuitFacts {
            user: identity.id,
            tenant: identity.tenant.clone(),
            session: session.id,
            aal: session.aal,
            roles,
            permissions: permissions.iter().map(ToString::to_string).collect(),
            expires_at,
        };
        let (token, key) = self.sign_biscuit(&facts).await?;
        Ok(MintedBiscuit { token, key, expires_at })
    }
}

/// The permissions that are asked for, each of which must be held.
fn chosen(held: &Grants, asked: &[String]) -> Result<BTreeSet<Pattern>, MintBiscuitError> {
    let read = |(at, text): (usize, &String)| {
        let message = "must be a permission, as in users:read, or a pattern of permissions, as in users:*";
        text.parse().map_err(|_| invalid(format!("/permissions/{at}"), "pattern", message))
    };
    let asked = asked.iter().enumerate().map(read).collect::<Result<BTreeSet<Pattern>, _>>()?;
    match held.missing(&Grants::direct(asked.iter().cloned())) {
        Some(missing) => Err(MintBiscuitError::Forbidden(missing)),
        None => Ok(asked),
    }
}

fn invalid(pointer: impl Into<String>, code: &str, message: impl Into<String>) -> MintBiscuitError {
    MintBiscuitError::Invalid(FieldError::new(pointer, code, message))
}

#[cfg(test)]
mod tests;
