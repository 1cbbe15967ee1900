//! Shows what an admin token grants.

use kayan_ports::{AdminToken, AdminTokenError, AdminTokenId, AdminTokenText, Scope, Timestamp};

use crate::{
    Failure, Kayan,
    policy::{admin_token, permission::Permission},
};

/// An inspected admin token.
#[derive(Debug, Clone, PartialEq)]
pub struct InspectedAdminToken {
    /// What it says, block by block.
    pub token: AdminToken,
    /// The tenant in which it is valid, or all.
    pub scope: Scope,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
    /// Whether it has expired.
    pub expired: bool,
    /// Whether the tenant that it is bound to is active.
    pub open: bool,
    /// Its revoked blocks; any of them makes the token invalid.
    pub revoked: Vec<AdminTokenId>,
}

impl InspectedAdminToken {
    /// The permissions of the service that the token grants while it is valid.
    pub fn permissions(&self) -> Vec<Permission> {
        let grants = admin_token::grants(&self.token).unwrap_or_default();
        Permission::BUILT_IN.iter().filter(|permission| grants.covers(permission)).cloned().collect()
    }

    /// Whether it is valid.
    pub fn is_valid(&self) -> bool {
        self.token.holds && self.open && self.revoked.is_empty() && admin_token::grants(&self.token).is_some()
    }
}

/// Why the token can't be inspected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InspectAdminTokenError {
    /// It is no token of this service.
    #[error(transparent)]
    Token(#[from] AdminTokenError),
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// Shows what a token grants and whether it is valid, for the holder of the token.
    pub async fn inspect_admin_token(
        &self,
        token: &AdminTokenText,
    ) -> Result<InspectedAdminToken, InspectAdminTokenError> {
        let token = self.read_admin_token(token).await??;
        let (scope, expires_at) = (admin_token::scope(&token), admin_token::expires_at(&token));
        let expired = expires_at.is_none_or(|end| end <= self.clock.now());
        let revoked = self.store.revocations.revocations(&scope, &admin_token::ids(&token)).await?;
        let open = self.is_open(&scope).await?;
        Ok(InspectedAdminToken { token, scope, expires_at, expired, open, revoked })
    }
}

#[cfg(test)]
mod tests;
