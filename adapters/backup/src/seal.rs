//! Encrypts a file block by block: AES-256-GCM with a key for this file alone.
//!
//! The file's key is derived by HKDF (RFC 5869) from a secret and the file's random salt, so a block's number can be its nonce.
//! The number, whether it is the last one, and the file's header are authenticated with each block: none can be left out,
//! added, moved or taken from another file.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, KeyType, Salt},
};
use kayan_ports::Failure;

/// The library says no more than that.
fn failed<E>(_: E) -> Failure {
    Failure::Fault("the cryptographic library failed".to_owned())
}

/// The key of one file.
pub(crate) struct FileKey {
    key: LessSafeKey,
    check: [u8; 16],
}

/// The length of the check.
struct CheckLength;

impl KeyType for CheckLength {
    fn len(&self) -> usize {
        16
    }
}

impl FileKey {
    /// Derives the key from a secret of 32 bytes or more and the file's random salt.
    pub(crate) fn derive(secret: &[u8], salt: &[u8; 32]) -> Result<Self, Failure> {
        let root = Salt::new(HKDF_SHA256, salt).extract(secret);
        let key = UnboundKey::from(root.expand(&[b"kayan backup blocks"], &AES_256_GCM).map_err(failed)?);
        let mut check = [0; 16];
        root.expand(&[b"kayan backup check"], CheckLength).and_then(|okm| okm.fill(&mut check)).map_err(failed)?;
        Ok(Self { key: LessSafeKey::new(key), check })
    }

    /// Stands in the file to tell whether a secret is the right one; reveals nothing about the secret.
    pub(crate) fn check(&self) -> [u8; 16] {
        self.check
    }

    /// Encrypts a block. **Invariant**: a number is used once in a file.
    pub(crate) fn seal(&self, place: &BlockPlace<'_>, mut block: Vec<u8>) -> Result<Vec<u8>, Failure> {
        self.key.seal_in_place_append_tag(place.nonce(), place.aad(), &mut block).map_err(failed)?;
        Ok(block)
    }

    /// Decrypts what was encrypted with this key for this place; `None` for anything else.
    pub(crate) fn open(&self, place: &BlockPlace<'_>, mut sealed: Vec<u8>) -> Option<Vec<u8>> {
        let length = self.key.open_in_place(place.nonce(), place.aad(), &mut sealed).ok()?.len();
        sealed.truncate(length);
        Some(sealed)
    }
}

/// The place of a block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockPlace<'f> {
    /// The digest of the file's header.
    pub(crate) file: &'f [u8; 32],
    /// Its number, from 0.
    pub(crate) number: u64,
    /// Whether no other follows.
    pub(crate) last: bool,
}

impl BlockPlace<'_> {
    fn nonce(&self) -> Nonce {
        let mut nonce = [0; NONCE_LEN];
        let (_, number) = nonce.split_at_mut(NONCE_LEN - 8);
        number.copy_from_slice(&self.number.to_be_bytes());
        Nonce::assume_unique_for_key(nonce)
    }

    fn aad(&self) -> Aad<Vec<u8>> {
        Aad::from([self.file.as_slice(), &self.number.to_be_bytes(), &[u8::from(self.last)]].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: [u8; 32] = [7; 32];
    const PLACE: BlockPlace<'_> = BlockPlace { file: &FILE, number: 3, last: false };

    fn key() -> FileKey {
        FileKey::derive(b"a secret of many bytes, more than 32", &[1; 32]).unwrap()
    }

    #[test]
    fn a_block_opens_in_its_place_and_nowhere_else() {
        let sealed = key().seal(&PLACE, b"rows".to_vec()).unwrap();
        assert_eq!(key().open(&PLACE, sealed.clone()).unwrap(), b"rows");
        let other = [8; 32];
        for place in [
            BlockPlace { number: 4, ..PLACE },
            BlockPlace { last: true, ..PLACE },
            BlockPlace { file: &other, ..PLACE },
        ] {
            assert!(key().open(&place, sealed.clone()).is_none(), "{place:?}");
        }
    }

    #[test]
    fn a_block_with_one_bit_changed_or_cut_off_does_not_open() {
        let sealed = key().seal(&PLACE, b"rows".to_vec()).unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(key().open(&PLACE, changed).is_none(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(key().open(&PLACE, sealed[..length].to_vec()).is_none(), "{length} bytes");
        }
    }

    #[test]
    fn another_secret_and_another_salt_lead_to_other_keys() {
        let sealed = key().seal(&PLACE, b"rows".to_vec()).unwrap();
        for (secret, salt) in
            [(b"a secret of many bytes, more than 33", [1; 32]), (b"a secret of many bytes, more than 32", [2; 32])]
        {
            let other = FileKey::derive(secret, &salt).unwrap();
            assert_ne!(other.check(), key().check());
            assert!(other.open(&PLACE, sealed.clone()).is_none());
        }
    }

    #[test]
    fn the_derivation_stays_as_it_is() {
        // Every later version can decrypt what this one has encrypted.
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        assert_eq!(hex(&key().check()), "78db4abc576899b76d9a720703928cab");
        assert_eq!(hex(&key().seal(&PLACE, b"rows".to_vec()).unwrap()), "12c7fe6636d6f20d010e9faea75d2c21eccb058f");
    }
}
