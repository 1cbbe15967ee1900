//! Retires an issuer key at once, because it has leaked.

use kayan_ports::{Change, CommitError, EventType, Guard, IssuerKey, IssuerKeyState, KeyId, Timestamp, Unique};

use super::{
    list::ShownKey,
    make::{ROUNDS, activate, add, keep_changing, path, retire},
};
use crate::{DeniedError, Failure, Kayan, Operator, policy::permission::Permission};

/// Why no key was retired.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RetireKeyError {
    /// The operator may not retire keys.
    #[error(transparent)]
    Denied(#[from] DeniedError),
    /// There is no such key in the operator's scope.
    #[error("there is no signing key `{0}`")]
    NotFound(KeyId),
    /// It is retired.
    #[error("the signing key `{0}` is retired already")]
    Retired(KeyId),
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// Retires a key at once: it is no longer published, and tokens that it has signed are not valid for verifiers that read the
    /// published keys anew. In place of an active one, the next one signs, or a new one.
    pub async fn retire_key(
        &self,
        operator: &Operator,
        id: KeyId,
        reason: Option<String>,
    ) -> Result<ShownKey, RetireKeyError> {
        let action = "key.retire";
        self.permit(operator, &Permission::KEYS_WRITE, action).await?;
        for _ in 0..ROUNDS {
            let key = self.store.issuer_keys.issuer_key_of_id(&operator.scope, id).await?;
            let key = key.ok_or(RetireKeyError::NotFound(id))?;
            if key.state == IssuerKeyState::Retired {
                return Err(RetireKeyError::Retired(id));
            }
            let now = self.clock.now();
            let mut changes = vec![retire(&key, IssuerKeyState::Retired, now)];
            changes.extend(self.successor(&key, now).await?);
            let event = self
                .operator_event(operator, &key.tenant, EventType::AdminAction, now, "a signing key was retired")
                .resource(path(id))
                .with("action", action)
                .with("use", key.usage.as_str())
                .with("algorithm", key.algorithm.as_str())
                .with("state", key.state.as_str())
                .with("reason", reason.clone());
            changes.push(event.record());
            match self.store.changes.commit(changes).await {
                Ok(()) => return Ok(self.shown_key(IssuerKey { state: IssuerKeyState::Retired, since: now, ..key })),
                Err(CommitError::Stale(Guard::IssuerKey) | CommitError::Conflict(Unique::IssuerKey)) => {}
                Err(other) => return Err(Failure::from(other).into()),
            }
        }
        Err(keep_changing().into())
    }

    /// The change that gives an active key a successor.
    async fn successor(&self, key: &IssuerKey, now: Timestamp) -> Result<Option<Change>, Failure> {
        if key.state != IssuerKeyState::Active {
            return Ok(None);
        }
        let (tenant, usage, algorithm) = (&key.tenant, key.usage, key.algorithm);
        let next = self.store.issuer_keys.issuer_key(tenant, usage, algorithm, IssuerKeyState::Next).await?;
        Ok(Some(match next {
            Some(next) => activate(&next, now),
            None => add(&self.make_issuer_key(tenant, (usage, algorithm), IssuerKeyState::Active, now).await?),
        }))
    }
}
