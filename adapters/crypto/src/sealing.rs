//! Seals single values: AES-256-GCM, bound to the place where the value is stored.
//!
//! A sealed value is one version byte, a random nonce, the ciphertext and its tag. Tenant, table, id and column are
//! authenticated with it: a value that was moved to another place does not open.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, Salt},
};
use kayan_ports::{Entropy, Failure, KeyError, Sealed};
use zeroize::Zeroizing;

/// The version of the format; there is only one.
const VERSION: u8 = 1;

/// Where a sealed value is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The tenant; empty for the system itself.
    pub(crate) tenant: &'a str,
    /// The table.
    pub(crate) table: &'static str,
    /// The row.
    pub(crate) id: &'a str,
    /// The column.
    pub(crate) column: &'static str,
}

impl Place<'_> {
    /// Each part with its length before it, so that no two places are encoded alike.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        for part in [self.tenant, self.table, self.id, self.column] {
            bytes.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes
    }
}

/// The library gives no details.
pub(crate) fn failed<E>(_: E) -> KeyError {
    KeyError::Failed(Failure::Fault("the cryptographic library failed".to_owned()))
}

/// A key that seals.
pub(crate) struct SealingKey(LessSafeKey);

impl SealingKey {
    /// The key with these 32 bytes.
    pub(crate) fn new(bytes: &[u8]) -> Result<Self, KeyError> {
        Ok(Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).map_err(failed)?)))
    }

    /// Derives a key from a secret for one purpose (HKDF, RFC 5869).
    pub(crate) fn derived(secret: &[u8], usage: &str) -> Result<Self, KeyError> {
        let secret = Salt::new(HKDF_SHA256, b"kayan 1").extract(secret);
        let key = UnboundKey::from(secret.expand(&[usage.as_bytes()], &AES_256_GCM).map_err(failed)?);
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Seals a value for its place. Nonces are random: one key may seal 2^32 values (NIST SP 800-38D, section 8.3).
    pub(crate) fn seal(&self, place: &Place<'_>, plain: &[u8], entropy: &dyn Entropy) -> Result<Sealed, KeyError> {
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce);
        let mut text = Zeroizing::new(plain.to_vec());
        let (once, place) = (Nonce::assume_unique_for_key(nonce), Aad::from(place.bytes()));
        let tag = self.0.seal_in_place_separate_tag(once, place, text.as_mut_slice()).map_err(failed)?;
        Ok(Sealed([&[VERSION], nonce.as_slice(), text.as_slice(), tag.as_ref()].concat()))
    }

    /// Opens a value sealed with this key for this place; `None` for anything else.
    pub(crate) fn open(&self, place: &Place<'_>, sealed: &Sealed) -> Option<Zeroizing<Vec<u8>>> {
        let (&VERSION, rest) = sealed.0.split_first()? else { return None };
        let (nonce, rest) = rest.split_first_chunk::<NONCE_LEN>()?;
        let mut text = Zeroizing::new(rest.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.0.open_in_place(nonce, Aad::from(place.bytes()), text.as_mut_slice()).ok()?.len();
        text.truncate(length);
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use kayan_fakes::SeededEntropy;

    use super::*;

    const PLACE: Place<'_> = Place { tenant: "acme", table: "things", id: "7", column: "secret" };

    /// Sealed by this version.
    const KEPT: &str =
        "01c15c0289ec2d0a9167ec8e65d39cb30395b312a712167baf7178686db36386431ce69dc7285873551e0ce5a2f14773d8";

    fn sealed() -> (SealingKey, Sealed) {
        let key = SealingKey::derived(b"a secret", "tests").unwrap();
        let sealed = key.seal(&PLACE, b"what nobody may know", &SeededEntropy::new(1)).unwrap();
        (key, sealed)
    }

    fn opens(key: &SealingKey, place: &Place<'_>, sealed: &Sealed) -> bool {
        key.open(place, sealed).is_some()
    }

    #[test]
    fn a_sealed_value_opens_as_itself() {
        let (key, sealed) = sealed();
        assert_eq!(key.open(&PLACE, &sealed).unwrap().as_slice(), b"what nobody may know");
    }

    #[test]
    fn a_value_that_was_moved_does_not_open() {
        let (key, sealed) = sealed();
        for place in [
            Place { tenant: "acm", ..PLACE },
            Place { tenant: "", ..PLACE },
            Place { table: "other", ..PLACE },
            Place { id: "8", ..PLACE },
            Place { column: "other", ..PLACE },
            // The same characters, split differently.
            Place { tenant: "acmet", table: "hings", ..PLACE },
        ] {
            assert!(!opens(&key, &place, &sealed), "{place:?}");
        }
    }

    #[test]
    fn a_value_with_one_bit_changed_or_cut_off_does_not_open() {
        let (key, sealed) = sealed();
        for bit in 0..sealed.0.len() * 8 {
            let mut changed = sealed.clone();
            changed.0[bit / 8] ^= 1 << (bit % 8);
            assert!(!opens(&key, &PLACE, &changed), "bit {bit}");
        }
        for length in 0..sealed.0.len() {
            assert!(!opens(&key, &PLACE, &Sealed(sealed.0[..length].to_vec())), "{length} bytes");
        }
    }

    #[test]
    fn another_secret_or_another_use_of_it_opens_nothing() {
        let (_, sealed) = sealed();
        for (secret, usage) in [("another secret", "tests"), ("a secret", "other tests")] {
            assert!(!opens(&SealingKey::derived(secret.as_bytes(), usage).unwrap(), &PLACE, &sealed));
        }
    }

    #[test]
    fn the_same_value_is_never_sealed_the_same_way_twice() {
        let (key, entropy) = (sealed().0, SeededEntropy::new(1));
        let one = key.seal(&PLACE, b"x", &entropy).unwrap();
        assert_ne!(one, key.seal(&PLACE, b"x", &entropy).unwrap());
    }

    #[test]
    fn the_derivation_stays_as_it_is() {
        // What this version has sealed must open in every later one.
        let (key, sealed) = sealed();
        let hex: Vec<String> = sealed.0.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex.concat(), KEPT);
        assert!(opens(&key, &PLACE, &sealed));
    }
}
