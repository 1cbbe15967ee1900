//! Creates an admin token for an operator.

use std::time::Duration;

use kayan_ports::{AdminTokenId, AdminTokenText, Bounds, EventType, KeyPurpose, Scope, TenantId, Timestamp, timestamp};
use serde_json::json;

use crate::{
    DeniedError, Failure, Kayan, Operator,
    policy::{
        admin_token::{self, BoundsError},
        permission::{Grants, Pattern, Permission},
    },
};

/// The longest name, in characters.
const LONGEST_NAME: usize = 64;

/// Creates an admin token.
#[derive(Debug, Clone)]
pub struct CreateAdminToken {
    /// Its name in lists and the audit trail; `None`: `admin token`.
    pub name: Option<String>,
    /// The permissions to grant.
    pub permissions: Vec<Pattern>,
    /// The tenant that it is bound to; `None`: all that the operator may access.
    pub tenant: Option<TenantId>,
    /// Its lifetime, 1 second to 366 days.
    pub ttl: Duration,
}

/// A new token. Its text is shown only once.
#[derive(Debug)]
pub struct CreatedAdminToken {
    /// Its id, with which it can be revoked.
    pub id: AdminTokenId,
    /// The token.
    pub token: AdminTokenText,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// Why the token was not created.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CreateAdminTokenError {
    /// The permissions or the lifetime are not valid.
    #[error(transparent)]
    Bounds(#[from] BoundsError),
    /// The name is not valid.
    #[error("a token's name is 1 to 64 characters of A-Z, a-z, 0-9, space, '-', '_', '.' and '@'")]
    Name,
    /// The operator is bound to another tenant.
    #[error("you administer the tenant `{0}`, and can create tokens for no other")]
    OtherTenant(TenantId),
    /// There is no such tenant.
    #[error("there is no active tenant `{0}`")]
    NoTenant(TenantId),
    /// The operator may not create tokens, or does not hold a permission to grant.
    #[error(transparent)]
    Denied(#[from] DeniedError),
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// Creates a token that grants no more than the operator holds (I-30).
    pub async fn create_admin_token(
        &self,
        operator: &Operator,
        cmd: CreateAdminToken,
    ) -> Result<CreatedAdminToken, CreateAdminTokenError> {
        const ACTION: &str = "token.create";
        let now = self.clock.now();
        let permissions = admin_token::permissions(&cmd.permissions)?;
        let expires_at = admin_token::end(now, cmd.ttl)?;
        let name = cmd.name.unwrap_or_else(|| "admin token".to_owned());
        if !is_name(&name) {
            return Err(CreateAdminTokenError::Name);
        }
        let tenant = match (&operator.scope, cmd.tenant) {
            (Scope::Tenant(own), Some(other)) if other != *own => {
                return Err(CreateAdminTokenError::OtherTenant(own.clone()));
            }
            (Scope::Tenant(own), _) => Some(own.clone()),
            (Scope::System, tenant) => tenant,
        };
        self.permit(operator, &Permission::ROLES_WRITE, ACTION).await?;
        let standing = self.standing(operator, &operator.tenant(), (&Permission::ROLES_WRITE, ACTION)).await?;
        if let Some(missing) = standing.grants.missing(&Grants::direct(cmd.permissions)) {
            self.forbid(operator, missing, ACTION).await?;
        }
        if let Some(tenant) = &tenant
            && !self.is_open(&tenant.into()).await?
        {
            return Err(CreateAdminTokenError::NoTenant(tenant.clone()));
        }

        let id = AdminTokenId(self.new_id(now));
        let event = self
            .operator_event(
                operator,
                tenant.as_ref().unwrap_or(&TenantId::default()),
                EventType::AdminAction,
                now,
                "an admin token was created",
            )
            .resource(format!("token/{id}"))
            .with("action", ACTION)
            .values(
                None,
                Some(json!({
                    "name": name,
                    "permissions": permissions,
                    "tenant": tenant,
                    "expires_at": timestamp::text(expires_at),
                })),
            );
        let bounds = Bounds { permissions: Some(permissions), tenant, expires_at: Some(expires_at) };
        let token = self.sign(id, &name, &bounds).await?;
        self.record(event).await?;
        Ok(CreatedAdminToken { id, token, expires_at })
    }

    async fn sign(&self, id: AdminTokenId, name: &str, bounds: &Bounds) -> Result<AdminTokenText, Failure> {
        let key = self.keys.obtain(KeyPurpose::AdminToken).await?;
        Ok(self.tokens.issue(&key, id, name, bounds)?)
    }
}

fn is_name(name: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || " -_.@".contains(c);
    (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(known)
}

#[cfg(test)]
mod tests;
