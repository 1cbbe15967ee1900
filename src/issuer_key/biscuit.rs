//! Signs biscuits with a tenant's active issuer key for them, and publishes the public halves.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kayan_ports::{BiscuitFacts, IssuerKey, KeyId, KeyUse, TenantId};
use zeroize::Zeroizing;

use super::{publish::PublishedKeysError, sign::damaged};
use crate::{Failure, Kayan, access::proof_of_work::hex, policy::key_rotation::BISCUIT_ALGORITHM};

/// The public half of a key that signs biscuits, of Ed25519.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BiscuitKey {
    /// Its id.
    pub id: KeyId,
    /// The `root_key_id` of the biscuits that it signs: the last 32 bits of its id, which are random.
    pub root_key_id: u32,
    /// The public key, in hexadecimal.
    pub public: String,
}

impl BiscuitKey {
    fn of(key: &IssuerKey) -> Result<Self, Failure> {
        let public = key.public.x.as_deref().and_then(|x| URL_SAFE_NO_PAD.decode(x).ok());
        let public = hex(&public.ok_or_else(|| damaged(key))?);
        let last = key.id.0.as_bytes().last_chunk().copied().unwrap_or_default();
        Ok(Self { id: key.id, root_key_id: u32::from_be_bytes(last), public })
    }
}

impl Kayan {
    /// A biscuit with these facts, and the public half of the key that signed it.
    pub(crate) async fn sign_biscuit(&self, facts: &BiscuitFacts) -> Result<(Zeroizing<String>, BiscuitKey), Failure> {
        let key = self.active_issuer_key(&facts.tenant, KeyUse::Biscuit, BISCUIT_ALGORITHM).await?;
        let public = BiscuitKey::of(&key)?;
        let (private, _) = self.private_half(&key).await?;
        Ok((self.biscuits.sign(&private, public.root_key_id, facts)?, public))
    }

    /// The public keys that verify the tenant's biscuits, now and soon, the newest first.
    pub async fn published_biscuit_keys(&self, tenant: &TenantId) -> Result<Vec<BiscuitKey>, PublishedKeysError> {
        let keys = self.published(tenant, KeyUse::Biscuit).await?;
        Ok(keys.iter().map(BiscuitKey::of).collect::<Result<_, _>>()?)
    }
}
