//! Authenticates an operator by its admin token.

use kayan_ports::{AdminToken, AdminTokenError, AdminTokenId, AdminTokenText, Client, KeyPurpose, Scope};

use crate::{Failure, Kayan, Operator, policy::admin_token};

/// Why an admin token was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticateAdminTokenError {
    /// It is malformed, forged, attenuated in an unknown way, expired, revoked, or valid in no active tenant.
    #[error("no valid admin token")]
    Unauthorized,
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// The actor in the audit trail: the token's id, because its name is chosen by people.
fn actor(id: AdminTokenId) -> String {
    format!("token/{id}")
}

impl Kayan {
    /// The operator that this token authenticates: in its tenant only if it is bound to one, with the permissions that all of
    /// its blocks allow. Revocation is looked up in the database each time.
    pub async fn authenticate_admin_token(
        &self,
        token: &AdminTokenText,
        client: Client,
        request_id: Option<String>,
    ) -> Result<Operator, AuthenticateAdminTokenError> {
        let token = self.read_admin_token(token).await?.map_err(|_| AuthenticateAdminTokenError::Unauthorized)?;
        let (scope, grants) = (admin_token::scope(&token), admin_token::grants(&token));
        let grants = grants.filter(|_| token.holds).ok_or(AuthenticateAdminTokenError::Unauthorized)?;
        let ids = admin_token::ids(&token);
        let revoked = self.store.revocations.revocations(&scope, &ids).await?;
        if !revoked.is_empty() || !self.is_open(&scope).await? {
            return Err(AuthenticateAdminTokenError::Unauthorized);
        }
        let (name, exact) = (actor(token.first.id), actor(ids.last().copied().unwrap_or(token.first.id)));
        Ok(Operator {
            scope,
            name,
            credential: exact,
            identity: None,
            grants,
            lacks_factor: false,
            client,
            request_id,
            idempotency: None,
        })
    }

    /// Whether this scope can be administered: a tenant that is inactive can't.
    pub(crate) async fn is_open(&self, scope: &Scope) -> Result<bool, Failure> {
        match scope {
            Scope::System => Ok(true),
            Scope::Tenant(tenant) => Ok(self.store.tenants.tenant(tenant).await?.is_some_and(|tenant| tenant.active)),
        }
    }

    /// Reads a token and verifies its signature. Without a signing key, the service has issued none.
    pub(crate) async fn read_admin_token(
        &self,
        token: &AdminTokenText,
    ) -> Result<Result<AdminToken, AdminTokenError>, Failure> {
        let Some(key) = self.keys.find(KeyPurpose::AdminToken).await? else {
            return Ok(Err(AdminTokenError::Forged));
        };
        match self.tokens.read(&key, token, self.clock.now()) {
            Err(AdminTokenError::Fault(why)) => Err(Failure::Fault(why)),
            read => Ok(read),
        }
    }
}

#[cfg(test)]
mod tests;
