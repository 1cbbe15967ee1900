//! Issuer keys, and the guards of their changes.

use kayan_ports::{
    CommitError, Guard, IssuerKey, IssuerKeyChange, IssuerKeyState, JwsAlgorithm, KeyId, KeyUse, Scope, TenantId,
    Timestamp, Unique,
};

use crate::rows::{Rows, takes_in};

impl Rows {
    pub(crate) fn issuer_key(
        &self,
        tenant: &TenantId,
        (usage, algorithm): (KeyUse, JwsAlgorithm),
        state: IssuerKeyState,
    ) -> Option<&IssuerKey> {
        let kind = |key: &IssuerKey| (key.usage, key.algorithm) == (usage, algorithm);
        let is_it = |key: &&IssuerKey| key.tenant == *tenant && kind(key) && key.state == state;
        self.issuer_keys.iter().find(|key| state.is_single() && is_it(key))
    }

    pub(crate) fn issuer_keys_in(&self, scope: &Scope) -> Vec<IssuerKey> {
        let mut keys: Vec<_> = self.issuer_keys.iter().filter(|key| takes_in(scope, &key.tenant)).cloned().collect();
        keys.sort_by_key(|key| (key.created_at, key.id));
        keys.reverse();
        keys.truncate(1_000);
        keys
    }

    pub(crate) fn due_issuer_keys(&self, state: IssuerKeyState, until: Timestamp) -> Vec<IssuerKey> {
        let next = |key: &IssuerKey| self.issuer_key(&key.tenant, (key.usage, key.algorithm), IssuerKeyState::Next);
        let is_due = |key: &&IssuerKey| key.state == state && key.since <= until;
        let due = self.issuer_keys.iter().filter(is_due);
        let mut due: Vec<_> =
            due.filter(|key| state != IssuerKeyState::Active || next(key).is_none()).cloned().collect();
        due.sort_by_key(|key| key.since);
        due.truncate(100);
        due
    }

    pub(crate) fn apply_issuer_key(&mut self, change: IssuerKeyChange) -> Result<(), CommitError> {
        match change {
            IssuerKeyChange::Add(key) => {
                if !self.tenants.contains_key(&key.tenant) {
                    return Err(CommitError::Stale(Guard::Tenant));
                }
                self.one_issuer_key(&key, key.state)?;
                self.issuer_keys.push(*key);
            }
            IssuerKeyChange::Activate { tenant, key, at } => {
                let next = self.movable_issuer_key(&tenant, key, IssuerKeyState::Next)?.clone();
                self.one_issuer_key(&next, IssuerKeyState::Active)?;
                let moved = self.movable_issuer_key(&tenant, key, IssuerKeyState::Next)?;
                (moved.state, moved.since) = (IssuerKeyState::Active, at);
            }
            IssuerKeyChange::Retire { tenant, key, from, to, at } => {
                let moved = self.movable_issuer_key(&tenant, key, from)?;
                (moved.state, moved.since, moved.private) = (to, at, None);
            }
        }
        Ok(())
    }

    fn one_issuer_key(&self, key: &IssuerKey, state: IssuerKeyState) -> Result<(), CommitError> {
        match self.issuer_key(&key.tenant, (key.usage, key.algorithm), state) {
            Some(_) => Err(CommitError::Conflict(Unique::IssuerKey)),
            None => Ok(()),
        }
    }

    fn movable_issuer_key(
        &mut self,
        tenant: &TenantId,
        id: KeyId,
        from: IssuerKeyState,
    ) -> Result<&mut IssuerKey, CommitError> {
        let is_it = |key: &&mut IssuerKey| key.id == id && key.tenant == *tenant && key.state == from;
        self.issuer_keys.iter_mut().find(is_it).ok_or(CommitError::Stale(Guard::IssuerKey))
    }
}
