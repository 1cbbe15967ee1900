//! Lists the factors of the current user.

use kayan_ports::{AuthenticatedSession, Factor, FactorKind, Method, SecretOf, TenantId, TenantSettings};

use crate::{AuthenticateError, Caller, Failure, Kayan};

/// The factors that a user has besides the password.
#[derive(Debug)]
pub struct MyFactors {
    /// Authenticator apps, confirmed or not, and passkeys, in the order in which they were enrolled.
    pub factors: Vec<Factor>,
    /// How many recovery codes are left.
    pub recovery_codes: usize,
}

impl Kayan {
    /// The factors of the caller, without their secrets.
    pub async fn list_my_factors(&self, caller: &Caller) -> Result<MyFactors, AuthenticateError> {
        let me = self.authenticate_at_any_level(caller, self.clock.now()).await?;
        let factors = self.store.factors.factors(&me.identity.tenant, me.identity.id).await?;
        let (codes, others): (Vec<_>, Vec<_>) =
            factors.into_iter().partition(|factor| matches!(factor.kind, FactorKind::RecoveryCode { .. }));
        Ok(MyFactors { factors: others, recovery_codes: codes.len() })
    }

    /// The factors of the caller that can be used now.
    pub(crate) async fn my_usable_factors(&self, me: &AuthenticatedSession) -> Result<Vec<Factor>, Failure> {
        let (tenant, id) = (&me.identity.tenant, me.identity.id);
        let factors = self.store.factors.factors(tenant, id).await?;
        Ok(self.usable(tenant, &me.settings, factors))
    }

    /// Those of these factors that can be used now. A passkey is none where the tenant, or the service, takes none: nothing asks
    /// for it, and its owner may enroll another factor.
    pub(crate) fn usable(&self, tenant: &TenantId, settings: &TenantSettings, mut factors: Vec<Factor>) -> Vec<Factor> {
        if !self.takes_passkeys(tenant, settings) {
            factors.retain(|factor| !matches!(factor.kind, FactorKind::Webauthn(_)));
        }
        factors
    }
}

/// What a factor's secret is sealed for.
pub(crate) fn secret_of(factor: &Factor) -> SecretOf<'_> {
    SecretOf::Credential { tenant: &factor.tenant, identity: factor.identity, credential: factor.id }
}

/// Whether these factors hold a second one: a confirmed app or a passkey. Recovery codes alone are none.
pub(crate) fn has_second_factor(factors: &[Factor]) -> bool {
    factors
        .iter()
        .any(|factor| matches!(factor.kind, FactorKind::Totp { confirmed: true, .. } | FactorKind::Webauthn(_)))
}

/// The methods that these factors allow, each once.
pub(crate) fn methods(factors: &[Factor]) -> Vec<Method> {
    let mut methods = vec![Method::Password];
    for factor in factors.iter().filter(|factor| factor.kind.is_usable()) {
        let method = match factor.kind {
            FactorKind::Totp { .. } => Method::Totp,
            FactorKind::RecoveryCode { .. } => Method::RecoveryCode,
            FactorKind::Webauthn(_) => Method::Webauthn,
        };
        if !methods.contains(&method) {
            methods.push(method);
        }
    }
    methods
}
