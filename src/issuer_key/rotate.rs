//! Begins to replace issuer keys for an operator.

use std::collections::BTreeSet;

use kayan_ports::{CommitError, EventType, Guard, IssuerKey, IssuerKeyState, JwsAlgorithm, Scope, TenantId, Unique};
use serde_json::json;

use super::{
    list::ShownKey,
    make::{ROUNDS, add, keep_changing},
};
use crate::{
    DeniedError, Failure, Kayan, Operator,
    access::idempotency::Once,
    policy::{key_rotation::DEFAULT_ALGORITHM, permission::Permission},
};

/// Why no key was replaced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RotateKeysError {
    /// The operator may not replace keys.
    #[error(transparent)]
    Denied(#[from] DeniedError),
    /// There is no such tenant.
    #[error("there is no tenant `{0}`")]
    NoTenant(TenantId),
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// Publishes the next key of this algorithm, or of each that the operator's tenant uses; it signs when it has been published
    /// for ten minutes. One that is published already stays. An algorithm that the tenant does not use yet gets a key that signs
    /// at once. Returns the keys that are next or active.
    pub async fn rotate_keys(
        &self,
        operator: &Operator,
        algorithm: Option<JwsAlgorithm>,
    ) -> Result<Vec<ShownKey>, RotateKeysError> {
        let action = "key.rotate";
        self.permit(operator, &Permission::KEYS_WRITE, action).await?;
        self.once(operator, |once| self.begin_rotation(once, operator, action, algorithm)).await
    }

    async fn begin_rotation(
        &self,
        once: Once<'_>,
        operator: &Operator,
        action: &'static str,
        algorithm: Option<JwsAlgorithm>,
    ) -> Result<Vec<ShownKey>, RotateKeysError> {
        let tenant = operator.tenant();
        for _ in 0..ROUNDS {
            let now = self.clock.now();
            let mut keys = self.store.issuer_keys.issuer_keys(&Scope::Tenant(tenant.clone())).await?;
            let algorithms = algorithms(algorithm, &keys);
            keys.retain(|key| key.state.is_single() && algorithms.contains(&key.algorithm));
            let mut added = Vec::new();
            for algorithm in algorithms {
                let has = |state| keys.iter().any(|key| key.algorithm == algorithm && key.state == state);
                let state = if has(IssuerKeyState::Active) { IssuerKeyState::Next } else { IssuerKeyState::Active };
                if !has(state) {
                    added.push(self.make_issuer_key(&tenant, algorithm, state, now).await?);
                }
            }
            let told = |key: &IssuerKey| json!({ "id": key.id, "algorithm": key.algorithm, "state": key.state });
            let event = self
                .operator_event(operator, &tenant, EventType::AdminAction, now, "signing keys are being replaced")
                .resource("keys".to_owned())
                .with("action", action)
                .with("added", added.iter().map(told).collect::<Vec<_>>());
            let changes = added.iter().map(add).chain([event.record()]).collect();
            let shown: Vec<_> = added.into_iter().chain(keys).map(|key| self.shown_key(key)).collect();
            match once.commit(changes, None, &shown).await {
                Ok(()) => return Ok(shown),
                Err(CommitError::Conflict(Unique::IssuerKey)) => {}
                Err(CommitError::Stale(Guard::Tenant)) => return Err(RotateKeysError::NoTenant(tenant)),
                Err(other) => return Err(Failure::from(other).into()),
            }
        }
        Err(keep_changing().into())
    }
}

/// The one that is asked for, or else those in use, or else the default.
fn algorithms(asked: Option<JwsAlgorithm>, keys: &[IssuerKey]) -> BTreeSet<JwsAlgorithm> {
    if let Some(asked) = asked {
        return BTreeSet::from([asked]);
    }
    let active = keys.iter().filter(|key| key.state == IssuerKeyState::Active).map(|key| key.algorithm);
    let used: BTreeSet<_> = active.collect();
    if used.is_empty() { BTreeSet::from([DEFAULT_ALGORITHM]) } else { used }
}
