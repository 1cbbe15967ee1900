//! Shows what an admin token is worth.

use kayan_ports::{AdminToken, AdminTokenError, AdminTokenId, AdminTokenText, Scope, Timestamp};

use crate::{
    Failure, Kayan,
    policy::{admin_token, permission::Permission},
};

/// An admin token, opened.
#[derive(Debug, Clone, PartialEq)]
pub struct InspectedAdminToken {
    /// What it says, block by block.
    pub token: AdminToken,
    /// Where it is good.
    pub scope: Scope,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Whether it has ended.
    pub expired: bool,
    /// Whether the tenant that it is bound to is active.
    pub open: bool,
    /// Those of its blocks that are revoked, and it with any of them.
    pub revoked: Vec<AdminTokenId>,
}

impl InspectedAdminToken {
    /// Those of the permissions that the service asks for that it gives, as long as it is valid.
    pub fn permissions(&self) -> Vec<Permission> {
        let grants = admin_token::grants(&self.token).unwrap_or_default();
        Permission::BUILT_IN.iter().filter(|permission| grants.covers(permission)).cloned().collect()
    }

    /// Whether it opens anything.
    pub fn is_valid(&self) -> bool {
        self.token.holds && self.open && self.revoked.is_empty() && admin_token::grants(&self.token).is_some()
    }
}

/// Why there is nothing to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InspectAdminTokenError {
    /// It is no token of this service.
    #[error(transparent)]
    Token(#[from] AdminTokenError),
    /// The service can't tell.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// What a token says and whether it opens anything; for whoever holds it.
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
