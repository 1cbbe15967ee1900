//! Lists issuer keys for an operator.

use kayan_ports::{IssuerKey, IssuerKeyState, JwsAlgorithm, KeyId, KeyUse, TenantId, Timestamp, timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    DeniedError, Kayan, Operator,
    policy::{key_rotation, permission::Permission},
};

/// An issuer key, without its private half.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownKey {
    /// Its id, the `kid` of the JWTs that it signs.
    pub id: KeyId,
    /// The tenant that it belongs to.
    pub tenant: TenantId,
    /// What it signs.
    pub usage: KeyUse,
    /// Its algorithm.
    pub algorithm: JwsAlgorithm,
    /// Its state.
    pub state: IssuerKeyState,
    /// When it was created.
    #[serde(with = "timestamp")]
    pub created_at: Timestamp,
    /// Since when it is in its state.
    #[serde(with = "timestamp")]
    pub since: Timestamp,
    /// When it is to leave its state; `None`: never.
    #[serde(with = "timestamp::option")]
    pub until: Option<Timestamp>,
}

impl Kayan {
    /// The keys in the operator's scope, the newest first: a thousand at most.
    pub async fn list_keys(&self, operator: &Operator) -> Result<Vec<ShownKey>, DeniedError> {
        self.permit(operator, &Permission::KEYS_READ, "key.list").await?;
        let keys = self.store.issuer_keys.issuer_keys(&operator.scope).await?;
        Ok(keys.into_iter().map(|key| self.shown_key(key)).collect())
    }

    pub(super) fn shown_key(&self, key: IssuerKey) -> ShownKey {
        let IssuerKey { id, tenant, usage, algorithm, state, created_at, since, .. } = key;
        let until = key_rotation::ends(state, since, self.settings.key_rotation);
        ShownKey { id, tenant, usage, algorithm, state, created_at, since, until }
    }
}
