//! Publishes the public halves of a tenant's issuer keys (RFC 7517, section 5).

use kayan_ports::{IssuerKey, IssuerKeyState, Jwk, KeyUse, Scope, TenantId};

use crate::{Failure, Kayan};

/// Why no keys are published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishedKeysError {
    /// The tenant is unknown or inactive.
    #[error("unknown tenant")]
    NoTenant,
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// The public keys that verify the tenant's JWTs, now and soon, the newest first.
    pub async fn published_keys(&self, tenant: &TenantId) -> Result<Vec<Jwk>, PublishedKeysError> {
        Ok(self.published(tenant, KeyUse::Jwt).await?.into_iter().map(|key| key.public).collect())
    }

    /// The keys of this use that are published.
    pub(super) async fn published(
        &self,
        tenant: &TenantId,
        usage: KeyUse,
    ) -> Result<Vec<IssuerKey>, PublishedKeysError> {
        let known = self.store.tenants.tenant(tenant).await?;
        if !known.is_some_and(|tenant| tenant.active) {
            return Err(PublishedKeysError::NoTenant);
        }
        let mut keys = self.store.issuer_keys.issuer_keys(&Scope::Tenant(tenant.clone())).await?;
        keys.retain(|key| key.usage == usage && key.state != IssuerKeyState::Retired);
        Ok(keys)
    }
}
