//! What of a seal is signed, and the key that signs it.

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use kayan_ports::{Seal, timestamp};
use sha2::{Digest, Sha256};

/// What every signed message begins with: a signature over it is good for nothing else.
const DOMAIN: &[u8] = b"kayan audit seal 1\n";

/// The key that seals are signed with (Ed25519, RFC 8032).
pub struct SealKey(Ed25519KeyPair);

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey({})", to_text(&self.public()))
    }
}

impl SealKey {
    /// The key of this seed; nothing if the library can't make it.
    pub fn from_seed(seed: &[u8; 32]) -> Option<Self> {
        Ed25519KeyPair::from_seed_unchecked(seed).ok().map(Self)
    }

    /// What its signatures are checked with.
    pub fn public(&self) -> [u8; 32] {
        self.0.public_key().as_ref().try_into().unwrap_or_default()
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }
}

/// All that a seal says but its signature; the entries are in it by their root and number.
pub(super) fn message(seal: &Seal) -> Vec<u8> {
    let mut out = DOMAIN.to_vec();
    let tenant = seal.tenant.as_str().as_bytes();
    out.extend_from_slice(&u32::try_from(tenant.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(tenant);
    out.extend_from_slice(&seal.number.to_be_bytes());
    out.extend_from_slice(&timestamp::micros(seal.last.at).to_be_bytes());
    out.extend_from_slice(seal.last.id.0.as_bytes());
    out.extend_from_slice(&u64::try_from(seal.entries.len()).unwrap_or(u64::MAX).to_be_bytes());
    out.extend_from_slice(&seal.root);
    out.extend_from_slice(&seal.previous);
    out.extend_from_slice(&timestamp::micros(seal.sealed_at).to_be_bytes());
    out.extend_from_slice(&seal.public_key);
    out
}

/// The hash that the next seal links to.
pub fn hash(seal: &Seal) -> [u8; 32] {
    Sha256::digest(message(seal)).into()
}

/// Whether the key that a seal names has signed it.
pub fn is_signed(seal: &Seal) -> bool {
    UnparsedPublicKey::new(&ED25519, seal.public_key).verify(&message(seal), &seal.signature).is_ok()
}

/// A key or a hash as people hand it on: base64url (RFC 4648, section 5) without padding.
pub fn to_text(bytes: &[u8; 32]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a key or a hash; nothing if it is none.
pub fn from_text(text: &str) -> Option<[u8; 32]> {
    BASE64_URL_SAFE_NO_PAD.decode(text.trim()).ok()?.try_into().ok()
}
