//! Narrows an admin token, without a database or a key.

use std::time::Duration;

use kayan_ports::{AdminTokenError, AdminTokenText, AdminTokens, Bounds, Clock, TenantId};

use crate::policy::{
    admin_token::{self, BoundsError},
    permission::Pattern,
};

/// Narrows an admin token.
#[derive(Debug, Clone)]
pub struct AttenuateAdminToken {
    /// Only these permissions, as far as the token grants them; empty: all that it grants.
    pub permissions: Vec<Pattern>,
    /// Only in this tenant.
    pub tenant: Option<TenantId>,
    /// Only for this long from now.
    pub ttl: Option<Duration>,
}

/// Why the token was not narrowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttenuateAdminTokenError {
    /// No restriction was given.
    #[error("name a restriction: permissions, a tenant or a time to live")]
    Nothing,
    /// The restriction is not valid.
    #[error(transparent)]
    Bounds(#[from] BoundsError),
    /// The token can't be narrowed.
    #[error(transparent)]
    Token(#[from] AdminTokenError),
}

/// The same token with one more block. Any holder of a token can narrow it, anywhere: this reads no database and does
/// not verify the token.
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
