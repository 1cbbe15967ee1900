//! The most common passwords, as the first bytes of their SHA-256.

use sha2::{Digest, Sha256};

/// The first bytes of each hash, sorted. `cargo xtask frequent-passwords` makes it; `frequent.md` says from what.
static FREQUENT: &[u8] = include_bytes!("frequent.bin");

/// How many bytes of a hash are kept. Among 100,000, one of ten million other passwords is taken for a common one.
const KEPT: usize = 5;

/// Whether a password, in lower case, is one of the most common ones of eight characters or more.
pub(super) fn contains(lower: &str) -> bool {
    let hash = Sha256::digest(lower.as_bytes());
    let Some(wanted) = hash.first_chunk::<KEPT>() else { return false };
    let (entries, _) = FREQUENT.as_chunks::<KEPT>();
    entries.binary_search(wanted).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_whole_and_sorted() {
        let (entries, rest) = FREQUENT.as_chunks::<KEPT>();
        assert_eq!((entries.len(), rest.len()), (100_000, 0));
        assert!(entries.is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn the_most_common_passwords_are_in_the_list_and_others_are_not() {
        for common in ["password", "12345678", "123456789", "baseball", "qwertyuiop", "1qaz2wsx", "football1"] {
            assert!(contains(common), "{common}");
        }
        let others = (0..20_000).filter(|number| contains(&format!("no common password {number}"))).count();
        assert_eq!(others, 0);
    }
}
