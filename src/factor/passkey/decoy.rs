//! Passkeys that nobody has: what a browser is asked for where an identifier is unknown or has no passkey.

use hmac::Mac;
use kayan_ports::{AllowedPasskey, Failure, Identifier, KeyPurpose, Passkey, TenantId};
use uuid::Uuid;

use crate::{Kayan, mac::hmac};

/// A public key: the base point of P-256 (NIST SP 800-186, section 3.2.1.3), as a
/// `COSE_Key` for ES256 (RFC 9053, section 2.1).
const PUBLIC_KEY: &[u8] = b"\xa5\x01\x02\x03\x26\x20\x01\
\x21\x58\x20\x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40\xf2\x77\x03\x7d\x81\x2d\xeb\x33\xa0\xf4\xa1\x39\x45\xd8\x98\xc2\x96\
\x22\x58\x20\x4f\xe3\x42\xe2\xfe\x1a\x7f\x9b\x8e\xe7\xeb\x4a\x7c\x0f\x9e\x16\x2b\xce\x33\x57\x6b\x31\x5e\xce\xcb\xb6\x40\x68\x37\xbf\x51\xf5";

/// A passkey to verify a response with where there is none, so that it takes the time that it always takes. Its private
/// key is known (it is 1): the caller must refuse the response, whatever the verdict is.
pub(crate) fn decoy_passkey(credential_id: &[u8], user_handle: Uuid) -> Passkey {
    Passkey {
        credential_id: credential_id.to_vec(),
        public_key: PUBLIC_KEY.to_vec(),
        user_handle,
        counter: 0,
        user_verified: true,
        discoverable: Some(true),
        backup_eligible: true,
        backed_up: true,
        transports: Vec::new(),
        aaguid: Uuid::nil(),
        attestation_format: "none".to_owned(),
    }
}

/// The bytes of an id that prove that it is a decoy's.
const TAG: usize = 8;

/// How long the id is, in bytes. Were all of one length, one of another length would belong to an account for certain. The
/// authenticators of most users make 16 (Google, most password managers), 20 (Apple) and 32 (Windows).
fn length_of(random: &[u8]) -> usize {
    match random.first().map(|byte| byte % 4) {
        Some(0 | 1) => 16,
        Some(2) => 20,
        _ => 32,
    }
}

impl Kayan {
    /// A passkey that looks like one of a phone or a computer. It is always the same for an identifier, and can't be told
    /// from a real one without the service's key (I-08); that key also tells that nobody may register it.
    pub(crate) async fn decoy(&self, tenant: &TenantId, identifier: &Identifier) -> Result<AllowedPasskey, Failure> {
        let drawn = self.decoy_mac(tenant, &[b"id", identifier.as_str().as_bytes()]).await?;
        let length = length_of(&self.decoy_mac(tenant, &[b"length", identifier.as_str().as_bytes()]).await?);
        let mut credential_id = drawn.to_vec();
        credential_id.truncate(length - TAG);
        let tag = self.decoy_mac(tenant, &[b"tag", &credential_id]).await?;
        credential_id.extend(tag.iter().take(TAG));
        Ok(AllowedPasskey { credential_id, transports: vec!["hybrid".to_owned(), "internal".to_owned()] })
    }

    /// Whether this is the id of a decoy: if it could be registered, it would be known as one.
    pub(crate) async fn is_decoy(&self, tenant: &TenantId, credential_id: &[u8]) -> Result<bool, Failure> {
        let Some((drawn, tag)) = credential_id.split_last_chunk::<TAG>() else { return Ok(false) };
        Ok(self.decoy_mac(tenant, &[b"tag", drawn]).await?.starts_with(tag))
    }

    async fn decoy_mac(&self, tenant: &TenantId, parts: &[&[u8]]) -> Result<[u8; 32], Failure> {
        let key = self.keys.obtain(KeyPurpose::PasskeyDecoy).await?;
        let mut mac = hmac(&key.seed);
        mac.update(b"kayan passkey decoy 1\0");
        // Neither a tenant's name nor the name of a part has a zero byte.
        mac.update(tenant.as_str().as_bytes());
        for part in parts {
            mac.update(b"\0");
            mac.update(part);
        }
        Ok(mac.finalize().into_bytes().into())
    }
}
