//! Narrows an admin token, without a database or a key.

use std::time::Duration;

use kayan_ports::{AdminTokenError, AdminTokenText, AdminTokens, Bounds, Clock, TenantId};

use crate::policy::{
    admin_token::{self, BoundsError},
    permission::Pattern,
};

/// The wish for a token that is worth less.
#[derive(Debug, Clone)]
pub struct AttenuateAdminToken {
    /// Only these, and of them only what the token gives; empty: all that it gives.
    pub permissions: Vec<Pattern>,
    /// Only in this tenant.
    pub tenant: Option<TenantId>,
    /// Only for so long from now.
    pub ttl: Option<Duration>,
}

/// Why the token is what it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttenuateAdminTokenError {
    /// Nothing was said to be taken from it.
    #[error("say what to leave of the token: permissions, a tenant or a time")]
    Nothing,
    /// What is to be left can't be.
    #[error(transparent)]
    Bounds(#[from] BoundsError),
    /// The token can't be narrowed.
    #[error(transparent)]
    Token(#[from] AdminTokenError),
}

/// The same token with one more block. It is for whoever holds a token, wherever that is: nobody is asked, and nobody knows
/// whether it is any good.
pub fn attenuate_admin_token(
    tokens: &dyn AdminTokens,
    clock: &dyn Clock,
    token: &AdminTokenText,
    cmd: &AttenuateAdminToken,
) -> Result<AdminTokenText, AttenuateAdminTokenError> {
    let AttenuateAdminToken { permissions, tenant, ttl } = cmd;
    if permissions.is_empty() && tenant.is_none() && ttl.is_none() {
        return Err(AttenuateAdminTokenError::Nothing);
    }
    let permissions = if permissions.is_empty() { None } else { Some(admin_token::permissions(permissions)?) };
    let expires_at = ttl.map(|ttl| admin_token::end(clock.now(), ttl)).transpose()?;
    Ok(tokens.narrow(token, &Bounds { permissions, tenant: tenant.clone(), expires_at })?)
}

#[cfg(test)]
mod tests;
