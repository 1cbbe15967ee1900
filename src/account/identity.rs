//! Creates identities, and describes them in the audit trail.

use kayan_ports::{Identity, IdentityId, State, Tenant, TenantId, TenantSettings, Timestamp, Traits};

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

    /// What apps and authenticators call an account: the first identifier that its user logs in with.
    pub(crate) fn account_name(&self, identity: &Identity) -> String {
        let identifiers = self.schema.identify(&identity.traits).unwrap_or_default();
        identifiers.first().map_or_else(|| identity.id.to_string(), |first| first.value.as_str().to_owned())
    }

    /// The settings of an identity's tenant; the defaults if the tenant no longer exists.
    pub(crate) async fn settings_of(&self, identity: &Identity) -> Result<TenantSettings, Failure> {
        Ok(self.home_of(identity).await?.settings)
    }

    /// An identity's tenant; without settings if it no longer exists.
    pub(crate) async fn home_of(&self, identity: &Identity) -> Result<Tenant, Failure> {
        let at = identity.created_at;
        Ok(self.store.tenants.tenant(&identity.tenant).await?.unwrap_or_else(|| Tenant {
            id: identity.tenant.clone(),
            name: String::new(),
            active: false,
            settings: TenantSettings::default(),
            created_at: at,
            updated_at: at,
            version: 0,
            epoch: 0,
        }))
    }
}

/// The name of an identity as a resource in the audit trail.
pub(crate) fn path(identity: &Identity) -> String {
    format!("identity/{}", identity.id)
}
