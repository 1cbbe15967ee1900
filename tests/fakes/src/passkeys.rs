//! Passkeys.

use kayan_ports::{CommitError, CredentialId, Factor, FactorKind, Guard, IdentityId, TenantId, Timestamp};

use crate::rows::Rows;

impl Rows {
    pub(crate) fn passkey(&self, tenant: &TenantId, credential_id: &[u8]) -> Option<&Factor> {
        self.factors.values().find(|factor| {
            let FactorKind::Webauthn(passkey) = &factor.kind else { return false };
            factor.tenant == *tenant && passkey.credential_id == credential_id
        })
    }

    pub(crate) fn keep_way_in(
        &self,
        tenant: &TenantId,
        identity: IdentityId,
        without: CredentialId,
    ) -> Result<(), CommitError> {
        let is_another = |factor: &Factor| {
            let FactorKind::Webauthn(passkey) = &factor.kind else { return false };
            factor.id != without && passkey.user_verified
        };
        let another = self.factors(tenant, identity).iter().any(is_another);
        if another || self.password(&tenant.into(), identity).is_some() {
            return Ok(());
        }
        Err(CommitError::Stale(Guard::LastCredential))
    }
}

/// Accepts a signature with this counter.
pub(crate) fn accept(factor: &mut Factor, (counter, backed_up): (u32, bool), at: Timestamp) -> Result<(), CommitError> {
    let FactorKind::Webauthn(passkey) = &mut factor.kind else { return Err(CommitError::Stale(Guard::Factor)) };
    if passkey.counter >= counter && (passkey.counter, counter) != (0, 0) {
        return Err(CommitError::Stale(Guard::Factor));
    }
    (passkey.counter, passkey.backed_up) = (counter, backed_up);
    factor.last_used_at = Some(at);
    Ok(())
}
