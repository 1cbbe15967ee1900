//! Creates identities, and describes them in the audit trail.

use kayan_ports::{Identity, IdentityId, State, TenantId, TenantSettings, Timestamp, Traits};

use crate::{Failure, Kayan};

impl Kayan {
    /// A new active identity without roles.
    pub(crate) fn new_identity(&self, tenant: &TenantId, traits: Traits, now: Timestamp) -> Identity {
        Identity {
            id: IdentityId(self.new_id(now)),
            tenant: tenant.clone(),
            traits,
            state: State::Active,
            verified: Vec::new(),
            roles: Vec::new(),
            created_at: now,
            updated_at: now,
            last_login_at: None,
            version: 1,
        }
    }

    /// The settings of an identity's tenant; the defaults if the tenant no longer exists.
    pub(crate) async fn settings_of(&self, identity: &Identity) -> Result<TenantSettings, Failure> {
        Ok(self.store.tenants.tenant(&identity.tenant).await?.map(|tenant| tenant.settings).unwrap_or_default())
    }
}

/// The name of an identity as a resource in the audit trail.
pub(crate) fn path(identity: &Identity) -> String {
    format!("identity/{}", identity.id)
}
