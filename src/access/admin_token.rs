//! Authenticates an operator by the admin token that it presents.

use kayan_ports::{AdminToken, AdminTokenError, AdminTokenId, AdminTokenText, Client, KeyPurpose, Scope};

use crate::{Failure, Kayan, Operator, policy::admin_token};

/// Why a token opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticateAdminTokenError {
    /// It is none, or forged, narrowed in a way that is not understood, expired, revoked, or good in no active tenant.
    #[error("no valid admin token")]
    Unauthorized,
    /// The service can't tell.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// What is kept of an admin token's name in the audit trail: names are chosen by people, ids are not.
fn actor(id: AdminTokenId) -> String {
    format!("token/{id}")
}

impl Kayan {
    /// Who holds this token, and what they may do where: in its tenant only if it is bound to one, and only what every
    /// block of it leaves. The database is asked each time whether it is revoked.
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
        Ok(Operator { scope, name, credential: exact, identity: None, grants, client, request_id, idempotency: None })
    }

    /// Whether there is anything to administer in this scope: an inactive tenant is out at once.
    pub(crate) async fn is_open(&self, scope: &Scope) -> Result<bool, Failure> {
        match scope {
            Scope::System => Ok(true),
            Scope::Tenant(tenant) => Ok(self.store.tenants.tenant(tenant).await?.is_some_and(|tenant| tenant.active)),
        }
    }

    /// What a token says, if this service signed it; where nothing was ever signed, it did not.
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
