//! Lists the factors of the current user.

use kayan_ports::{Factor, FactorKind, Method, SecretOf};

use crate::{AuthenticateError, Caller, Kayan};

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
