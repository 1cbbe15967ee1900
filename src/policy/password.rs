//! Which passwords are taken (NIST SP 800-63B-4, section 3.1.1.2).

use kayan_ports::Password;
use zxcvbn::{Score, zxcvbn};

/// Why a password is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// Too few characters.
    #[error("the password must have at least {min} characters")]
    TooShort {
        /// The fewest taken.
        min: usize,
    },
    /// More bytes than the hash format takes whole (I-17).
    #[error("the password must have at most {max} bytes")]
    TooLong {
        /// The most taken, in bytes of UTF-8.
        max: usize,
    },
    /// A NUL character, which hash formats cut at.
    #[error("the password must not contain a NUL character")]
    Nul,
    /// A common password, a pattern, or the account's own name.
    #[error("the password is too easy to guess: avoid common words, patterns and your own address or name")]
    Guessable,
}

/// The longest password that is looked at for patterns, in characters: the search is more than linear in it, and
/// what is longer is not guessed.
const ESTIMATED: usize = 64;

/// Judges a new password of somebody with these identifiers.
pub fn judge(password: &Password, min_chars: usize, max_bytes: usize, identifiers: &[&str]) -> Result<(), Weakness> {
    let clear = password.expose();
    if clear.chars().count() < min_chars {
        return Err(Weakness::TooShort { min: min_chars });
    }
    if clear.len() > max_bytes {
        return Err(Weakness::TooLong { max: max_bytes });
    }
    if clear.contains('\0') {
        return Err(Weakness::Nul);
    }
    let own: Vec<&str> = identifiers.iter().flat_map(|whole| std::iter::once(*whole).chain(whole.split('@'))).collect();
    let guessable = clear.chars().count() <= ESTIMATED && zxcvbn(clear, &own).score() < Score::Two;
    if guessable { Err(Weakness::Guessable) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(password: &str) -> Result<(), Weakness> {
        judge(&password.into(), 8, 72, &["ada.lovelace@example.com"])
    }

    #[test]
    fn length_is_counted_in_characters_and_bounded_in_bytes() {
        assert_eq!(judged("kx9ßq2v"), Err(Weakness::TooShort { min: 8 }));
        assert_eq!(judged("ключ-9-йод"), Ok(()));
        assert_eq!(judged(&"xq".repeat(36)), Ok(()));
    }

    #[test]
    fn i_17_what_the_hasher_cannot_take_whole_is_a_policy_error() {
        assert_eq!(judged(&"k9".repeat(36)), Ok(()));
        assert_eq!(judged(&format!("{}!", "k9".repeat(36))), Err(Weakness::TooLong { max: 72 }));
        assert_eq!(judged("long enough\0but cut"), Err(Weakness::Nul));
    }

    #[test]
    fn a_common_password_or_the_own_address_is_too_easy() {
        assert_eq!(judged("password"), Err(Weakness::Guessable));
        assert_eq!(judged("12345678"), Err(Weakness::Guessable));
        assert_eq!(judged("ada.lovelace@example.com"), Err(Weakness::Guessable));
        assert_eq!(judged("correct horse battery staple"), Ok(()));
    }
}
