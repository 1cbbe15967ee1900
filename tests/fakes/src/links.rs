//! Links to accounts at identity providers.

use kayan_ports::{
    CommitError, CredentialId, Guard, IdentityId, ProviderAccount, ProviderLink, TenantId, Timestamp, Unique, Version,
};

use crate::rows::Rows;

impl Rows {
    pub(crate) fn link(&self, tenant: &TenantId, account: &ProviderAccount) -> Option<&ProviderLink> {
        self.links.values().find(|link| link.tenant == *tenant && link.account == *account)
    }

    pub(crate) fn links(&self, tenant: &TenantId, identity: IdentityId) -> Vec<ProviderLink> {
        let theirs = |link: &&ProviderLink| link.tenant == *tenant && link.identity == identity;
        let mut links: Vec<_> = self.links.values().filter(theirs).cloned().collect();
        links.sort_by_key(|link| (link.created_at, link.id));
        links
    }

    pub(crate) fn add_link(&mut self, link: ProviderLink) -> Result<(), CommitError> {
        self.identity(&(&link.tenant).into(), link.identity).ok_or(CommitError::Stale(Guard::Identity))?;
        let has_one = |other: &ProviderLink| other.account.provider == link.account.provider;
        let is_taken = self.link(&link.tenant, &link.account).is_some();
        if is_taken || self.links(&link.tenant, link.identity).iter().any(has_one) {
            return Err(CommitError::Conflict(Unique::Credential));
        }
        self.links.insert(link.id, link);
        Ok(())
    }

    pub(crate) fn remove_link(
        &mut self,
        tenant: &TenantId,
        identity: IdentityId,
        link: CredentialId,
    ) -> Result<(), CommitError> {
        let is_theirs = |link: &ProviderLink| link.tenant == *tenant && link.identity == identity;
        if !self.links.get(&link).is_some_and(is_theirs) {
            return Err(CommitError::Stale(Guard::Credential));
        }
        self.links.remove(&link);
        Ok(())
    }

    /// Whether there is such a link, whose use is noted.
    pub(crate) fn use_link(
        &mut self,
        tenant: &TenantId,
        (link, version): (CredentialId, Version),
        at: Timestamp,
    ) -> bool {
        let found = self.links.get_mut(&link).filter(|link| link.tenant == *tenant && link.version == version);
        found.map(|link| link.last_used_at = Some(at)).is_some()
    }
}
