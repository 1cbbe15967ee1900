//! Recovery codes: ten codes for the day on which the other factors are lost.

pub(crate) mod regenerate;
pub(crate) mod verify;

use kayan_ports::{
    Change, CredentialId, Entropy, Factor, FactorChange, FactorKind, Identity, RecoveryHash, Removed, Timestamp,
};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::Kayan;

/// How many a user has.
const CODES: usize = 10;
/// Characters of a code: five bits each, so a code has 80.
const LENGTH: usize = 16;
/// Crockford's Base32: no character looks like another one.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Recovery codes in the clear: shown to their owner once, kept nowhere.
pub struct NewRecoveryCodes(pub Vec<Zeroizing<String>>);

impl std::fmt::Debug for NewRecoveryCodes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewRecoveryCodes([{} codes])", self.0.len())
    }
}

/// New codes, and the changes that void the old ones and keep the hashes of these.
pub(crate) struct Generated {
    pub(crate) codes: NewRecoveryCodes,
    pub(crate) changes: Vec<Change>,
}

impl Kayan {
    pub(crate) fn new_recovery_codes(&self, identity: &Identity, now: Timestamp) -> Generated {
        let mut codes = Vec::with_capacity(CODES);
        let mut changes = vec![Change::Factor(FactorChange::Remove {
            tenant: identity.tenant.clone(),
            identity: identity.id,
            which: Removed::RecoveryCodes,
        })];
        for _ in 0..CODES {
            let code = draw(&*self.entropy);
            changes.push(Change::Factor(FactorChange::Add(Box::new(Factor {
                id: CredentialId(self.new_id(now)),
                tenant: identity.tenant.clone(),
                identity: identity.id,
                name: String::new(),
                kind: FactorKind::RecoveryCode { hash: hash(&code) },
                created_at: now,
                last_used_at: None,
            }))));
            codes.push(code);
        }
        Generated { codes: NewRecoveryCodes(codes), changes }
    }
}

/// A new code, as in `7K2M-0QXR-4D9T-ZB3V`.
fn draw(entropy: &dyn Entropy) -> Zeroizing<String> {
    let mut random = Zeroizing::new([0; LENGTH]);
    entropy.fill(random.as_mut_slice());
    let mut code = Zeroizing::new(String::with_capacity(LENGTH + LENGTH / 4));
    for (at, byte) in random.iter().enumerate() {
        if at > 0 && at % 4 == 0 {
            code.push('-');
        }
        code.push(ALPHABET.get(usize::from(byte & 31)).copied().unwrap_or_default().into());
    }
    code
}

/// The hash of a code however it is typed: in small letters, with or without hyphens and spaces, with `O` for `0` and `I`
/// or `L` for `1`.
fn hash(code: &str) -> RecoveryHash {
    let mut typed = Zeroizing::new(String::with_capacity(LENGTH));
    for c in code.chars().filter(|c| !c.is_whitespace() && *c != '-') {
        typed.push(match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        });
    }
    RecoveryHash(Sha256::digest(typed.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use kayan_fakes::SeededEntropy;

    use super::*;

    #[test]
    fn a_code_has_80_bits_in_groups_that_can_be_read() {
        let (one, other) = (draw(&SeededEntropy::new(1)), draw(&SeededEntropy::new(2)));
        assert_ne!(one, other);
        let groups: Vec<_> = one.split('-').collect();
        assert_eq!(groups.iter().map(|group| group.len()).collect::<Vec<_>>(), [4, 4, 4, 4]);
        assert!(groups.concat().bytes().all(|c| ALPHABET.contains(&c)), "{}", *one);
    }

    #[test]
    fn a_code_is_the_same_however_it_is_typed() {
        let code = "7K2M-0Q1R-4D9T-ZB3V";
        for typed in ["7k2m0q1r4d9tzb3v", " 7K2M OQIR 4D9T ZB3V ", "7K2M-OQLR-4D9T-ZB3V\n"] {
            assert_eq!(hash(typed), hash(code), "{typed:?}");
        }
        for another in ["", "7K2M-0Q1R-4D9T-ZB3", "7K2M-0Q1R-4D9T-ZB3VV", "7K2M-0Q1R-4D9T-ZB3U"] {
            assert_ne!(hash(another), hash(code), "{another:?}");
        }
    }
}
