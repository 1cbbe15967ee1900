//! Keys, kept as they come: sealed.

use kayan_ports::{CommitError, Guard, KeyPurpose, Scope, SealedKey, Unique, WrappedKey};

use crate::rows::Rows;

impl Rows {
    pub(crate) fn signing_key(&self, scope: &Scope, purpose: KeyPurpose) -> Option<&SealedKey> {
        self.signing_keys.iter().find(|key| key.scope == *scope && key.purpose == purpose)
    }

    pub(crate) fn keep_data_key(&mut self, key: WrappedKey) -> Result<(), CommitError> {
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

    pub(crate) fn keep_signing_key(&mut self, key: SealedKey) -> Result<(), CommitError> {
        if self.signing_key(&key.scope, key.purpose).is_some() {
            return Err(CommitError::Conflict(Unique::SigningKey));
        }
        self.signing_keys.push(key);
        Ok(())
    }
}
