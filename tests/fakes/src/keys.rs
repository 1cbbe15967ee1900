//! Keys, kept as they come: sealed; and the ends of what was signed with them.

use kayan_ports::{AdminTokenId, CommitError, Guard, KeyPurpose, Revocation, Scope, SealedKey, Unique, WrappedKey};

use crate::rows::Rows;

impl Rows {
    pub(crate) fn signing_key(&self, scope: &Scope, purpose: KeyPurpose) -> Option<&SealedKey> {
        self.signing_keys.iter().find(|key| key.scope == *scope && key.purpose == purpose)
    }

    pub(crate) fn store_data_key(&mut self, key: WrappedKey) -> Result<(), CommitError> {
        if self.data_key.is_some() {
            return Err(CommitError::Conflict(Unique::DataKey));
        }
        self.data_key = Some(key);
        Ok(())
    }

    pub(crate) fn rewrap_data_key(&mut self, key: WrappedKey) -> Result<(), CommitError> {
        let present = self.data_key.as_mut().filter(|present| present.version + 1 == key.version);
        let present = present.ok_or(CommitError::Stale(Guard::DataKey))?;
        *present = WrappedKey { created_at: present.created_at, ..key };
        Ok(())
    }

    /// Those that count for what is good in this scope.
    pub(crate) fn revocations(&self, of: &Scope, ids: &[AdminTokenId]) -> Vec<AdminTokenId> {
        let counts = |id: &AdminTokenId| {
            self.revocations.iter().any(|end| end.id == *id && (end.by == Scope::System || end.by == *of))
        };
        ids.iter().copied().filter(counts).collect()
    }

    pub(crate) fn revoke_token(&mut self, end: Revocation) -> Result<(), CommitError> {
        if self.revocations.iter().any(|other| other.id == end.id && other.by == end.by) {
            return Err(CommitError::Conflict(Unique::Revocation));
        }
        self.revocations.push(end);
        Ok(())
    }

    pub(crate) fn store_signing_key(&mut self, key: SealedKey) -> Result<(), CommitError> {
        if self.signing_key(&key.scope, key.purpose).is_some() {
            return Err(CommitError::Conflict(Unique::SigningKey));
        }
        self.signing_keys.push(key);
        Ok(())
    }
}
