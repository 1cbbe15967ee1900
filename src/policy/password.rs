//! Which passwords are accepted (NIST SP 800-63B-4, section 3.1.1.2).

use kayan_ports::Password;
use unicode_normalization::{UnicodeNormalization, is_nfkc};
use zeroize::Zeroizing;
use zxcvbn::{Score, zxcvbn};

/// Why a password is not accepted.
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

/// The longest password that is looked at for patterns, in characters: what is longer is not guessed.
const ESTIMATED: usize = 64;
/// It is searched in pieces of this many characters, because the time grows much faster than their length. A password is as
/// strong as its strongest piece.
const PIECE: usize = 24;
/// In how many ways the signs of a piece are read as letters at most.
const READINGS: usize = 8;
/// The signs that stand for each letter, as in `p4$$w0rd`: the search tries all combinations of those that occur.
const SIGNS: [&str; 12] = ["4@", "8", "({[<", "3", "69", "1!|", "1|7", "0", "$5", "+7", "%", "2"];

/// The form in which a password is judged, hashed and verified: Unicode NFKC, so that the same password typed on another
/// keyboard is the same (NIST SP 800-63B-4, section 3.1.1.2). `None` if it is in this form already, or longer than
/// `max_bytes` in any form.
pub fn normalised(password: &Password, max_bytes: usize) -> Option<Password> {
    let typed = password.expose();
    // Normalising never makes a text shorter than a quarter.
    if typed.is_ascii() || typed.len() > 4 * max_bytes || is_nfkc(typed) {
        return None;
    }
    // As large as it will be, so that no part of it stays behind where the text grew.
    let mut normal = String::with_capacity(typed.nfkc().map(char::len_utf8).sum());
    normal.extend(typed.nfkc());
    Some(Password::from(normal))
}

/// Judges a new password of an identity with these identifiers; takes up to 5 ms.
pub fn judge<S: AsRef<str>>(
    password: &Password,
    min_chars: usize,
    max_bytes: usize,
    identifiers: &[S],
) -> Result<(), Weakness> {
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
    let own: Vec<&str> = identifiers
        .iter()
        .map(AsRef::as_ref)
        .flat_map(|whole: &str| std::iter::once(whole).chain(whole.split('@')))
        .collect();
    if is_guessable(&without_names(clear, &own), &own) { Err(Weakness::Guessable) } else { Ok(()) }
}

/// The password without the own names that are too long to be found in a piece of it.
fn without_names(clear: &str, own: &[&str]) -> Zeroizing<String> {
    let lower = Zeroizing::new(clear.to_lowercase());
    let long = |name: &&&str| name.chars().count() > PIECE / 2 && lower.contains(**name);
    let found = own.iter().find(long);
    Zeroizing::new(found.map_or_else(|| clear.to_owned(), |name| lower.replace(name, "")))
}

fn is_guessable(clear: &str, own: &[&str]) -> bool {
    let chars: Vec<char> = clear.chars().collect();
    let guessable = |piece: &[char]| zxcvbn(&Zeroizing::new(few_readings(piece)), own).score() < Score::Two;
    chars.len() <= ESTIMATED && chars.chunks(PIECE).all(guessable)
}

/// The piece, with one sign for all that stand for the same letter if they could be read in too many ways.
fn few_readings(piece: &[char]) -> String {
    if readings(piece) <= READINGS {
        return piece.iter().collect();
    }
    let same = |sign: &char| match sign {
        '@' => '4',
        '{' | '[' | '<' => '(',
        '!' | '|' => '1',
        '$' => '5',
        '+' => '7',
        '9' => '6',
        other => *other,
    };
    piece.iter().map(same).collect()
}

fn readings(piece: &[char]) -> usize {
    SIGNS.iter().map(|signs| signs.chars().filter(|sign| piece.contains(sign)).count().max(1)).product()
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

    #[test]
    fn i_42_no_password_makes_the_search_for_patterns_long() {
        let all: String = SIGNS.concat();
        for signs in [&all, "4@8({[<369!1|0$5+7%2zx", "p4$$w0rd!1|7@5", "1|7!+l1|7!+i"] {
            for shift in 0..signs.len() {
                let signs: Vec<char> = signs.chars().cycle().skip(shift).take(ESTIMATED).collect();
                for piece in signs.chunks(PIECE) {
                    let few: Vec<char> = few_readings(piece).chars().collect();
                    assert_eq!(few.len(), piece.len());
                    assert!(readings(&few) <= READINGS, "{few:?}");
                }
            }
        }
        // Without the bound, each of these has a thousand readings and takes the better part of a second.
        for shift in 0..20 {
            let crafted: String = all.chars().cycle().skip(shift).take(ESTIMATED).collect();
            assert_eq!(judged(&crafted), Ok(()));
        }
    }

    #[test]
    fn a_long_password_of_guessable_pieces_is_guessable() {
        assert_eq!(judged(&"password".repeat(8)), Err(Weakness::Guessable));
        assert_eq!(judged(&"p4$$w0rd".repeat(4)), Err(Weakness::Guessable));
        assert_eq!(judged(&"a".repeat(64)), Err(Weakness::Guessable));
        assert_eq!(judged(&format!("{}kx9ßq2v-ключ", "a".repeat(24))), Ok(()));
    }

    #[test]
    fn a_long_name_of_ones_own_is_guessable() {
        let own = "somebody.with.a.long.name@department.example.com";
        for password in [own.to_owned(), own.to_uppercase(), format!("{own}1!")] {
            assert_eq!(judge(&password.as_str().into(), 8, 72, &[own]), Err(Weakness::Guessable), "{password}");
        }
        assert_eq!(judge(&format!("{own}kx9ßq2v-ключ").as_str().into(), 8, 72, &[own]), Ok(()));
    }

    #[test]
    fn the_normal_form_is_nfkc_and_of_no_absurd_length() {
        let form = |text: &str| normalised(&text.into(), 72).map(|normal| normal.expose().to_owned());
        assert_eq!(form("schlu\u{308}ssel"), Some("schlüssel".to_owned()));
        assert_eq!(form("ﬁｘ①"), Some("fix1".to_owned()));
        assert_eq!(form("schlüssel"), None);
        assert_eq!(form("plain"), None);
        assert_eq!(form(&"e\u{301}".repeat(72)), Some("é".repeat(72)));
        assert_eq!(form(&"\u{fdfa}".repeat(10_000)), None);
    }
}
