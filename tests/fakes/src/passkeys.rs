//! Passkeys.

use kayan_ports::{
    CommitError, CredentialId, Factor, FactorKind, Guard, IdentityId, KnownFactors, TenantId, Timestamp, WaysIn,
};

use crate::rows::Rows;

impl Rows {
    pub(crate) fn passkey(&self, tenant: &TenantId, credential_id: &[u8]) -> Option<&Factor> {
        self.factors.values().find(|factor| {
            let FactorKind::Webauthn(passkey) = &factor.kind else { return false };
            factor.tenant == *tenant && passkey.credential_id == credential_id
        })
    }

    pub(crate) fn pin_factors(
        &self,
        tenant: &TenantId,
        identity: IdentityId,
        known: KnownFactors,
    ) -> Result<(), CommitError> {
        self.identity(&tenant.into(), identity).ok_or(CommitError::Stale(Guard::Identity))?;
        let factors = self.factors(tenant, identity);
        let passkeys: Vec<_> = factors.iter().filter(|it| matches!(it.kind, FactorKind::Webauthn(_))).collect();
        let has_app = factors.iter().any(|it| matches!(it.kind, FactorKind::Totp { confirmed: true, .. }));
        let same = match known {
            KnownFactors::Nothing => passkeys.is_empty() && !has_app,
            KnownFactors::NoApp => !has_app,
            KnownFactors::Apps => passkeys.is_empty() && has_app,
            KnownFactors::Passkey { one, most } => {
                passkeys.iter().any(|it| it.id == one) && u32::try_from(passkeys.len()).is_ok_and(|count| count < most)
            }
        };
        if same { Ok(()) } else { Err(CommitError::Stale(Guard::Factors)) }
    }

    pub(crate) fn keep_way_in(
        &self,
        tenant: &TenantId,
        (identity, without): (IdentityId, CredentialId),
        ways_in: WaysIn,
    ) -> Result<(), CommitError> {
        let is_another = |factor: &Factor| {
            let FactorKind::Webauthn(passkey) = &factor.kind else { return false };
            factor.id != without && passkey.user_verified
        };
        let another = ways_in.passkey && self.factors(tenant, identity).iter().any(is_another);
        let linked = ways_in.link.is_some_and(|id| self.links(tenant, identity).iter().any(|link| link.id == id));
        if another || linked || ways_in.password && self.password(&tenant.into(), identity).is_some() {
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
