//! The key that seals the audit trail.

use kayan_ports::KeyPurpose;

use crate::{Failure, Kayan, policy::seal::SealKey};

impl Kayan {
    /// The key that seals are made with, generated if there is none.
    pub(crate) async fn seal_key(&self) -> Result<SealKey, Failure> {
        let kept = self.keys.obtain(KeyPurpose::AuditSeal).await?;
        SealKey::from_seed(&kept.seed)
            .ok_or_else(|| Failure::Fault("the stored key for seals is no Ed25519 key".to_owned()))
    }

    /// The public keys that verify this service's seals; none before the first seal.
    pub async fn seal_public_keys(&self) -> Result<Vec<[u8; 32]>, Failure> {
        Ok(self.keys.find(KeyPurpose::AuditSeal).await?.iter().map(|kept| kept.public).collect())
    }
}
