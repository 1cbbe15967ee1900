//! Opaque tokens: a prefix for the purpose, 256 random bits and a checksum, as in `kys_…`.
//!
//! The checksum lets secret scanners recognise a leaked token, and saves the lookup of a mistyped one. The prefix is
//! part of the hash, so that a token for one purpose is unknown for every other (I-02).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::Mac;
use kayan_ports::{Entropy, TokenHash};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::mac::hmac;

const SECRET: usize = 32;
const HALF: usize = SECRET / 2;
const CHECKED: usize = SECRET + 4;
const ENCODED: usize = CHECKED / 3 * 4;

/// The purpose of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Access as the owner of a session.
    Session,
    /// New tokens for a session, once.
    Refresh,
    /// The second half of a login that lacks a factor.
    Mfa,
    /// The end of a passkey ceremony.
    Ceremony,
    /// A link that was mailed.
    Link,
    /// A browser, so that ceremonies are finished where they were begun.
    Browser,
    /// A browser that users have logged in from.
    Device,
    /// The `state` of a login that an identity provider was asked for.
    State,
}

impl Purpose {
    /// The prefix of its tokens.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Session => "kys_",
            Self::Refresh => "kyr_",
            Self::Mfa => "kym_",
            Self::Ceremony => "kyc_",
            Self::Link => "kyl_",
            Self::Browser => "kyb_",
            Self::Device => "kyd_",
            Self::State => "kyo_",
        }
    }
}

/// A token in the clear: shown to its owner once, and never stored.
#[derive(Clone)]
pub struct Token {
    purpose: Purpose,
    secret: Zeroizing<[u8; SECRET]>,
}

impl Token {
    /// A new random token.
    pub(crate) fn random(purpose: Purpose, entropy: &dyn Entropy) -> Self {
        let mut secret = Zeroizing::new([0; SECRET]);
        entropy.fill(secret.as_mut_slice());
        Self { purpose, secret }
    }

    /// A new token with 128 random bits, and 128 bits of their MAC under this key: another one is recognised without a look-up.
    pub(crate) fn signed(purpose: Purpose, key: &[u8; 32], entropy: &dyn Entropy) -> Self {
        let mut token = Self::random(purpose, entropy);
        let mac = token.mac(key);
        token.secret.split_at_mut(HALF).1.copy_from_slice(mac.split_at(HALF).0);
        token
    }

    /// Whether it was signed with this key.
    pub(crate) fn is_signed(&self, key: &[u8; 32]) -> bool {
        self.secret.split_at(HALF).1.ct_eq(self.mac(key).split_at(HALF).0).into()
    }

    /// The MAC of its first half, of which the first half is used.
    fn mac(&self, key: &[u8; 32]) -> [u8; SECRET] {
        let mut mac = hmac(key);
        mac.update(b"kayan signed token 1");
        mac.update(self.purpose.prefix().as_bytes());
        mac.update(self.secret.split_at(HALF).0);
        mac.finalize().into_bytes().into()
    }

    /// The successor that is derived from `self` and `salt`: both are needed to compute it.
    pub(crate) fn successor(&self, purpose: Purpose, salt: &[u8; 32]) -> Self {
        let mut mac = hmac(&self.secret);
        mac.update(b"kayan token successor 1");
        mac.update(purpose.prefix().as_bytes());
        mac.update(salt);
        Self { purpose, secret: Zeroizing::new(mac.finalize().into_bytes().into()) }
    }

    /// Reads a token for this purpose; `None` if it is for another one or mistyped.
    pub fn read(purpose: Purpose, text: &str) -> Option<Self> {
        let encoded = text.strip_prefix(purpose.prefix())?;
        if encoded.len() != ENCODED {
            return None;
        }
        let mut bytes = Zeroizing::new([0; CHECKED]);
        URL_SAFE_NO_PAD.decode_slice(encoded, bytes.as_mut_slice()).ok()?;
        let (secret, checksum) = bytes.split_first_chunk::<SECRET>()?;
        (checksum == Self::checksum(purpose, secret)).then(|| Self { purpose, secret: Zeroizing::new(*secret) })
    }

    /// The text for the client: 52 characters that never need escaping (`b64token` of RFC 6750, section 2.1).
    pub fn expose(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(CHECKED));
        bytes.extend_from_slice(self.secret.as_slice());
        bytes.extend_from_slice(&Self::checksum(self.purpose, &self.secret));
        let mut text = Zeroizing::new(String::with_capacity(4 + ENCODED));
        text.push_str(self.purpose.prefix());
        URL_SAFE_NO_PAD.encode_string(bytes.as_slice(), &mut text);
        text
    }

    /// The hash that is stored.
    pub fn hash(&self) -> TokenHash {
        let mut hash = Sha256::new();
        hash.update(self.purpose.prefix());
        hash.update(self.secret.as_slice());
        TokenHash(hash.finalize().into())
    }

    fn checksum(purpose: Purpose, secret: &[u8; SECRET]) -> [u8; 4] {
        let mut crc = crc32fast::Hasher::new();
        crc.update(purpose.prefix().as_bytes());
        crc.update(secret);
        crc.finalize().to_be_bytes()
    }
}

/// Compares hashes, so that the time it takes tells nothing of the secret.
impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.hash() == other.hash()
    }
}

impl Eq for Token {}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token({}[redacted])", self.purpose.prefix())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kayan_fakes::SeededEntropy;

    #[test]
    fn a_token_reads_back_as_itself() {
        let token = Token::random(Purpose::Session, &SeededEntropy::new(1));
        let text = token.expose();
        assert_eq!(text.len(), 52);
        assert_eq!(Token::read(Purpose::Session, &text).map(|t| t.hash()), Some(token.hash()));
    }

    #[test]
    fn i_02_a_token_of_one_purpose_is_refused_for_every_other() {
        let token = Token::random(Purpose::Refresh, &SeededEntropy::new(1));
        assert!(Token::read(Purpose::Session, &token.expose()).is_none());
        let forged = token.expose().replacen("kyr_", "kys_", 1);
        assert!(Token::read(Purpose::Session, &forged).is_none(), "the checksum covers the prefix");
        let other = Token { purpose: Purpose::Session, secret: token.secret.clone() };
        assert_ne!(other.hash(), token.hash(), "the hash covers the prefix");
    }

    #[test]
    fn a_mistyped_token_is_refused_by_its_checksum() {
        let text = Token::random(Purpose::Session, &SeededEntropy::new(1)).expose();
        for i in 4..text.len() {
            let mut typo = text.as_bytes().to_vec();
            typo[i] = if typo[i] == b'A' { b'B' } else { b'A' };
            let typo = String::from_utf8(typo).unwrap();
            assert!(Token::read(Purpose::Session, &typo).is_none(), "position {i}");
        }
    }

    #[test]
    fn a_signed_token_is_recognised_by_its_key_and_purpose_alone() {
        let (entropy, key) = (SeededEntropy::new(1), [7; 32]);
        let token = Token::signed(Purpose::Device, &key, &entropy);
        let read = Token::read(Purpose::Device, &token.expose()).unwrap();
        assert!(read.is_signed(&key));
        assert!(!read.is_signed(&[8; 32]), "another key");
        assert!(!Token { purpose: Purpose::Browser, secret: token.secret.clone() }.is_signed(&key), "another purpose");
        assert!(!Token::random(Purpose::Device, &entropy).is_signed(&key), "not signed at all");
        for i in 0..SECRET {
            let mut changed = token.clone();
            changed.secret[i] ^= 1;
            assert!(!changed.is_signed(&key), "byte {i}");
        }
        assert_ne!(Token::signed(Purpose::Device, &key, &entropy), token);
    }

    #[test]
    fn i_36_a_token_prints_redacted() {
        let token = Token::random(Purpose::Session, &SeededEntropy::new(1));
        assert_eq!(format!("{token:?}"), "Token(kys_[redacted])");
    }
}
