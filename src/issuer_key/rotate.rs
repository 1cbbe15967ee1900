//! Begins to replace issuer keys for an operator.

use std::collections::BTreeSet;

use kayan_ports::{
    CommitError, EventType, Guard, IssuerKey, IssuerKeyState, JwsAlgorithm, KeyUse, Scope, TenantId, Unique,
};
use serde_json::json;

use super::{
    list::ShownKey,
    make::{ROUNDS, add, keep_changing},
};
use crate::{
    DeniedError, Failure, Kayan, Operator,
    access::idempotency::Once,
    policy::{
        key_rotation::{BISCUIT_ALGORITHM, DEFAULT_ALGORITHM},
        permission::Permission,
    },
};

/// Which keys to replace; by default those of every use and algorithm that the tenant uses.
#[derive(Debug, Clone, Copy, Default)]
pub struct RotateKeys {
    /// Only those of this use.
    pub usage: Option<KeyUse>,
    /// Only the one of this algorithm, for JWTs unless the use is named. For biscuits there is `EdDSA` only.
    pub algorithm: Option<JwsAlgorithm>,
}

/// Why no key was replaced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RotateKeysError {
    /// The operator may not replace keys.
    #[error(transparent)]
    Denied(#[from] DeniedError),
    /// There is no such tenant.
    #[error("there is no tenant `{0}`")]
    NoTenant(TenantId),
    /// Biscuits have no key of this algorithm.
    #[error("biscuits are signed with EdDSA, not with {}: leave out the algorithm", .0.as_str())]
    Algorithm(JwsAlgorithm),
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// Publishes the next keys of the operator's tenant; they sign when they have been published for ten minutes. One that is
    /// published already stays. A use or an algorithm that the tenant does not use yet gets a key that signs at once. Returns the
    /// keys that are next or active.
    pub async fn rotate_keys(&self, operator: &Operator, cmd: RotateKeys) -> Result<Vec<ShownKey>, RotateKeysError> {
        let action = "key.rotate";
        self.permit(operator, &Permission::KEYS_WRITE, action).await?;
        self.once(operator, |once| self.begin_rotation(once, operator, action, cmd)).await
    }

    async fn begin_rotation(
        &self,
        once: Once<'_>,
        operator: &Operator,
        action: &'static str,
        cmd: RotateKeys,
    ) -> Result<Vec<ShownKey>, RotateKeysError> {
        let tenant = operator.tenant();
        for _ in 0..ROUNDS {
            let now = self.clock.now();
            let mut keys = self.store.issuer_keys.issuer_keys(&Scope::Tenant(tenant.clone())).await?;
            let kinds = kinds(cmd, &keys)?;
            keys.retain(|key| key.state.is_single() && kinds.contains(&(key.usage, key.algorithm)));
            let mut added = Vec::new();
            for kind in kinds {
                let has = |state| keys.iter().any(|key| (key.usage, key.algorithm) == kind && key.state == state);
                let state = if has(IssuerKeyState::Active) { IssuerKeyState::Next } else { IssuerKeyState::Active };
                if !has(state) {
                    added.push(self.make_issuer_key(&tenant, kind, state, now).await?);
                }
            }
            let told = |key: &IssuerKey| {
                let IssuerKey { id, usage, algorithm, state, .. } = key;
                json!({ "id": id, "use": usage, "algorithm": algorithm, "state": state })
            };
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

/// Those that are asked for, as far as the tenant uses them, or else a first one.
fn kinds(cmd: RotateKeys, keys: &[IssuerKey]) -> Result<BTreeSet<(KeyUse, JwsAlgorithm)>, RotateKeysError> {
    Ok(match (cmd.usage, cmd.algorithm) {
        (Some(KeyUse::Biscuit), None | Some(BISCUIT_ALGORITHM)) => {
            BTreeSet::from([(KeyUse::Biscuit, BISCUIT_ALGORITHM)])
        }
        (Some(KeyUse::Biscuit), Some(other)) => return Err(RotateKeysError::Algorithm(other)),
        (_, Some(algorithm)) => BTreeSet::from([(KeyUse::Jwt, algorithm)]),
        (usage, None) => {
            let active = keys.iter().filter(|key| key.state == IssuerKeyState::Active);
            let asked = active.filter(|key| usage.is_none_or(|usage| key.usage == usage));
            let used: BTreeSet<_> = asked.map(|key| (key.usage, key.algorithm)).collect();
            if used.is_empty() { BTreeSet::from([(KeyUse::Jwt, DEFAULT_ALGORITHM)]) } else { used }
        }
    })
}
