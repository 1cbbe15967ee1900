//! The ids of imported users, and what an operator of one tenant may learn from them.

use kayan_ports::{IdentityId, Scope, TenantId};
use sha2::{Digest as _, Sha256};
use uuid::Builder;

use super::{ImportOutcome, NewUser, Refusal};
use crate::{Failure, Kayan, Operator};

/// The id of an imported user.
///
/// Ids are unique across all tenants, so keeping them would reveal whether another tenant has one. For an operator
/// bound to a tenant the id is derived from the original one and the tenant: the same in every run, and unique. The
/// command line, and an operator of all tenants, keep the ids.
pub(super) fn id_of(operator: &Operator, tenant: &TenantId, id: IdentityId) -> IdentityId {
    if operator.scope.tenant().is_none() || operator.is_at_the_command_line() {
        return id;
    }
    let digest = Sha256::new()
        .chain_update("kayan imported identity")
        .chain_update([0])
        .chain_update(tenant.as_str())
        .chain_update([0])
        .chain_update(id.0.as_bytes())
        .finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(digest.split_at(16).0);
    IdentityId(Builder::from_custom_bytes(bytes).into_uuid())
}

impl NewUser {
    /// Whether the id was derived, so that a commit does not find out that the given one is taken.
    pub(super) fn has_new_id(&self) -> bool {
        self.given_id.is_some_and(|id| id != self.identity.id)
    }
}

impl Kayan {
    /// Why a user whose identifiers are free can't be imported: the id may be taken.
    pub(super) async fn look_for_id(&self, user: &NewUser) -> Result<Option<ImportOutcome>, Failure> {
        let Some(given_id) = user.given_id else { return Ok(None) };
        let tenant = &user.identity.tenant;
        let found = if user.has_new_id() {
            let scope = Scope::Tenant(tenant.clone());
            match self.store.accounts.identity(&scope, given_id).await? {
                Some(found) => Some(found),
                None => self.store.accounts.identity(&scope, user.identity.id).await?,
            }
        } else {
            self.store.accounts.identity(&Scope::System, given_id).await?
        };
        Ok(found.map(|found| {
            let same = user.identifiers.is_empty() && found.tenant == *tenant;
            if same { ImportOutcome::Exists(found.id) } else { ImportOutcome::Refused(Refusal::IdTaken) }
        }))
    }
}
