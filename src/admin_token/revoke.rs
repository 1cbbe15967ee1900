//! Revokes an admin token, and all that were narrowed from it.

use kayan_ports::{
    AdminTokenError, AdminTokenId, AdminTokenText, Change, CommitError, EventType, Revocation, Scope, TenantId, Unique,
};
use serde_json::json;

use crate::{
    DeniedError, Failure, Kayan, Operator,
    policy::{
        admin_token::{self, LIFETIMES},
        permission::Permission,
    },
};

/// Which token.
#[derive(Debug, Clone)]
pub enum WhichAdminToken {
    /// The token with this id, or every token that has the block with this id.
    Id(AdminTokenId),
    /// This token and those narrowed from it, but not the one it was narrowed from.
    Text(AdminTokenText),
}

/// Revokes an admin token.
#[derive(Debug, Clone)]
pub struct RevokeAdminToken {
    /// Which.
    pub which: WhichAdminToken,
    /// Why, for the audit trail.
    pub reason: Option<String>,
}

/// A revoked token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevokedAdminToken {
    /// What was revoked.
    pub id: AdminTokenId,
    /// Whether it was revoked before.
    pub already: bool,
}

/// Why the token was not revoked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevokeAdminTokenError {
    /// It is no token of this service, or none that the operator may access.
    #[error(transparent)]
    Token(#[from] AdminTokenError),
    /// The operator may not revoke tokens.
    #[error(transparent)]
    Denied(#[from] DeniedError),
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// Revokes a token. Tokens are not stored, so any id is accepted; an operator of one tenant revokes tokens of that
    /// tenant only, whatever the id.
    pub async fn revoke_admin_token(
        &self,
        operator: &Operator,
        cmd: RevokeAdminToken,
    ) -> Result<RevokedAdminToken, RevokeAdminTokenError> {
        const ACTION: &str = "token.revoke";
        self.permit(operator, &Permission::ROLES_WRITE, ACTION).await?;
        let now = self.clock.now();
        let longest = now + LIFETIMES.1;
        let (id, token, expires_at, tenant) = match &cmd.which {
            WhichAdminToken::Id(id) => (*id, None, longest, operator.scope.tenant().cloned()),
            WhichAdminToken::Text(text) => {
                let token = self.read_admin_token(text).await??;
                let tenant = admin_token::tenant(&token).cloned();
                if operator.scope.tenant().is_some_and(|own| tenant.as_ref() != Some(own)) {
                    return Err(AdminTokenError::Forged.into());
                }
                let id = token.later.last().map_or(token.first.id, |block| block.id);
                (id, Some(token.first.id), admin_token::expires_at(&token).unwrap_or(longest), tenant)
            }
        };
        let event = self
            .operator_event(
                operator,
                &tenant.unwrap_or_else(TenantId::default),
                EventType::AdminAction,
                now,
                "an admin token was revoked",
            )
            .resource(format!("token/{id}"))
            .with("action", ACTION)
            .with("reason", cmd.reason)
            .values(None, Some(json!({ "revoked": true, "token": token })));
        let by = operator.scope.tenant().map_or(Scope::System, Scope::from);
        let change = Change::RevokeAdminToken(Box::new(Revocation { id, by, expires_at, at: now }));
        match self.store.changes.commit(vec![change, event.record()]).await {
            Ok(()) => Ok(RevokedAdminToken { id, already: false }),
            Err(CommitError::Conflict(Unique::Revocation)) => Ok(RevokedAdminToken { id, already: true }),
            Err(other) => Err(Failure::from(other).into()),
        }
    }
}

#[cfg(test)]
mod tests;
