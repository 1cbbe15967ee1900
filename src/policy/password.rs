//! Which passwords are accepted (NIST SP 800-63B-4, section 3.1.1.2).

mod context;
mod frequent;
mod messages;

use kayan_ports::{Password, PasswordHash};
use unicode_normalization::{UnicodeNormalization, is_nfkc};
use zeroize::Zeroizing;
use zxcvbn::zxcvbn;

pub use self::{context::words, messages::Language};

/// The most former passwords that a new one is compared with: each costs a hash.
pub const MOST_HISTORY: u8 = 24;

/// The rules for new passwords of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// The fewest characters.
    pub min_length: usize,
    /// The most characters; `None`: only the limit in bytes counts.
    pub max_length: Option<usize>,
    /// The most bytes that the hash format takes whole.
    pub max_bytes: usize,
    /// The lowest score of how hard it is to guess, 0 to 4.
    pub min_score: u8,
    /// From how many of the last passwords it must differ, the current one included; at most [`MOST_HISTORY`].
    pub history: usize,
    /// Whether it must not be known from a breach.
    pub breach_check: bool,
}

/// Why a password is not accepted. Its text is in English.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Weakness {
    /// Too few characters.
    TooShort {
        /// The fewest taken.
        min: usize,
    },
    /// More characters than the tenant takes.
    TooManyCharacters {
        /// The most taken.
        max: usize,
    },
    /// More bytes than the hash format takes whole (I-17).
    TooLong {
        /// The most taken, in bytes of UTF-8.
        max: usize,
    },
    /// A NUL character, which hash formats cut at.
    Nul,
    /// One of the most common passwords.
    Common,
    /// Little more than a word that an attacker knows of the account: a name, an address, the tenant.
    ContainsContext,
    /// Words, patterns and repetitions.
    Guessable,
    /// Known from a breach.
    Breached,
    /// One of the last passwords.
    Reused {
        /// How many of them count, the current one included.
        last: usize,
    },
}

/// How much of a password is searched for patterns, in characters from its beginning. The rest can only make it stronger.
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

/// Judges a new password of an account about which these words are known, in lower case; takes up to 5 ms.
///
/// Breaches and former passwords are checked elsewhere.
pub fn judge<S: AsRef<str>>(password: &Password, rules: &Rules, own: &[S]) -> Result<(), Weakness> {
    let clear = password.expose();
    let length = clear.chars().count();
    if length < rules.min_length {
        return Err(Weakness::TooShort { min: rules.min_length });
    }
    if let Some(max) = rules.max_length.filter(|max| length > *max) {
        return Err(Weakness::TooManyCharacters { max });
    }
    if clear.len() > rules.max_bytes {
        return Err(Weakness::TooLong { max: rules.max_bytes });
    }
    if clear.contains('\0') {
        return Err(Weakness::Nul);
    }
    let lower = Zeroizing::new(clear.to_lowercase());
    if frequent::contains(&lower) {
        return Err(Weakness::Common);
    }
    let own: Vec<&str> = own.iter().map(AsRef::as_ref).collect();
    let is_guessable = |clear: &str, own: &[&str]| score(clear, own) < rules.min_score;
    if !is_guessable(&without_names(clear, &lower, &own), &own) {
        return Ok(());
    }
    Err(if is_guessable(clear, &[]) { Weakness::Guessable } else { Weakness::ContainsContext })
}

/// The hashes of former passwords to keep with a new one, the latest first: as many as the next one is compared with.
pub fn kept(current: PasswordHash, former: Vec<PasswordHash>, history: usize) -> Vec<PasswordHash> {
    let most = history.min(MOST_HISTORY.into()).saturating_sub(1);
    std::iter::once(current).chain(former).take(most).collect()
}

/// The password without the own names that are too long to be found in a piece of it.
fn without_names(clear: &str, lower: &str, own: &[&str]) -> Zeroizing<String> {
    let is_long = |name: &&&str| name.chars().count() > PIECE / 2 && lower.contains(**name);
    if !own.iter().any(|name| is_long(&name)) {
        return Zeroizing::new(clear.to_owned());
    }
    let rest = Zeroizing::new(lower.to_owned());
    own.iter().filter(is_long).fold(rest, |rest, name| Zeroizing::new(rest.replace(name, "")))
}

/// How hard the password is to guess, 0 to 4.
fn score(clear: &str, own: &[&str]) -> u8 {
    pieces(clear).iter().map(|piece| u8::from(zxcvbn(piece, own).score())).max().unwrap_or_default()
}

/// What of a password is searched for patterns. **Invariant** (I-42): of any text at most [`ESTIMATED`] characters, in pieces of
/// at most [`PIECE`], each read in at most [`READINGS`] ways.
fn pieces(clear: &str) -> Vec<Zeroizing<String>> {
    let chars: Zeroizing<Vec<char>> = Zeroizing::new(clear.chars().take(ESTIMATED).collect());
    chars.chunks(PIECE).map(|piece| Zeroizing::new(few_readings(piece))).collect()
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

    const RULES: Rules =
        Rules { min_length: 8, max_length: None, max_bytes: 72, min_score: 2, history: 0, breach_check: false };

    fn judged(password: &str) -> Result<(), Weakness> {
        judge(&password.into(), &RULES, &["ada.lovelace@example.com", "ada.lovelace", "lovelace", "analytics"])
    }

    #[test]
    fn length_is_counted_in_characters_and_bounded_in_bytes() {
        assert_eq!(judged("kx9ßq2v"), Err(Weakness::TooShort { min: 8 }));
        assert_eq!(judged("ключ-9-йод"), Ok(()));
        assert_eq!(judged("mauve otters, seventeen of them, drink green tea by the old stone bridge"), Ok(()));
    }

    #[test]
    fn i_17_what_the_hasher_cannot_take_whole_is_a_policy_error() {
        let longest = format!("{:-<72}", "seventeen mauve otters");
        assert_eq!(judged(&longest), Ok(()));
        assert_eq!(judged(&format!("{longest}-")), Err(Weakness::TooLong { max: 72 }));
        assert_eq!(judged("long enough\0but cut"), Err(Weakness::Nul));
    }

    #[test]
    fn a_tenant_may_take_fewer_characters_than_the_hash_format() {
        let rules = Rules { max_length: Some(64), max_bytes: 4096, ..RULES };
        let text = "mauve otters, seventeen of them, drink green tea – by the old stone bridge, twice";
        let of = |length| judge(&text.chars().take(length).collect::<String>().into(), &rules, &[""; 0]);
        assert_eq!((of(64), of(65)), (Ok(()), Err(Weakness::TooManyCharacters { max: 64 })));
    }

    #[test]
    fn a_common_password_is_refused_in_any_case_of_its_letters() {
        for common in ["password", "PassWord", "12345678", "TRUSTNO1", "iloveyou", "dragonfly"] {
            assert_eq!(judged(common), Err(Weakness::Common), "{common}");
        }
        assert_eq!(judged("correct horse battery staple"), Ok(()));
    }

    #[test]
    fn a_word_about_the_account_makes_no_password() {
        for own in ["ada.lovelace@example.com", "Ada.Lovelace", "lovelace1815", "Analytics-7"] {
            assert!(
                matches!(judged(own), Err(Weakness::ContainsContext | Weakness::Guessable)),
                "{own}: {:?}",
                judged(own)
            );
        }
        let ruled = |words: &[&str]| judge(&"Quvnirzorbla7".into(), &RULES, words);
        assert_eq!(
            (ruled(&["quvnirzorbla"]), ruled(&["quvnir"]), ruled(&[])),
            (Err(Weakness::ContainsContext), Ok(()), Ok(()))
        );
        assert_eq!(judged("lovelace, and a river of otters"), Ok(()), "one word of several");
    }

    #[test]
    fn the_score_that_is_asked_for_is_the_tenants() {
        let scored = |password: &str, min_score| judge(&password.into(), &Rules { min_score, ..RULES }, &[""; 0]);
        let outcomes: Vec<_> = (0..=4).map(|min| scored("river otter", min).is_ok()).collect();
        assert!(outcomes.is_sorted_by(|less, more| less >= more), "{outcomes:?}");
        assert_eq!((outcomes.first(), outcomes.last()), (Some(&true), Some(&false)), "{outcomes:?}");
        assert_eq!(scored("correct horse battery staple", 4), Ok(()));
    }

    #[test]
    fn as_many_former_passwords_are_kept_as_the_next_one_is_compared_with() {
        let hash = |text: &str| PasswordHash::new(text.to_owned());
        let former = vec![hash("3"), hash("2"), hash("1")];
        let kept = |history| kept(hash("4"), former.clone(), history);
        assert_eq!(kept(0), []);
        assert_eq!(kept(1), [], "the current one is kept anyway");
        assert_eq!(kept(3), [hash("4"), hash("3")]);
        assert_eq!(kept(24).len(), 4);
        let many = vec![hash("x"); 100];
        assert_eq!(super::kept(hash("4"), many, 1_000).len(), 23);
    }

    #[test]
    fn i_42_no_password_makes_the_search_for_patterns_long() {
        let all: String = SIGNS.concat();
        for signs in [&all, "4@8({[<369!1|0$5+7%2zx", "p4$$w0rd!1|7@5", "1|7!+l1|7!+i"] {
            for shift in 0..signs.len() {
                let long: String = signs.chars().cycle().skip(shift).take(4_096).collect();
                let pieces: Vec<Vec<char>> = pieces(&long).iter().map(|piece| piece.chars().collect()).collect();
                assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), [24, 24, 16]);
                for piece in pieces {
                    assert!(readings(&piece) <= READINGS, "{piece:?}");
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
        assert_eq!(judged(&"a".repeat(72)), Err(Weakness::Guessable));
        assert_eq!(judged(&"password".repeat(8)), Err(Weakness::Guessable));
        assert_eq!(judged(&"p4$$w0rd".repeat(4)), Err(Weakness::Guessable));
        assert_eq!(judged(&"a".repeat(64)), Err(Weakness::Guessable));
        assert_eq!(judged(&format!("{}kx9ßq2v-ключ", "a".repeat(24))), Ok(()));
    }

    #[test]
    fn a_long_name_of_ones_own_is_guessable() {
        let own = "somebody.with.a.long.name@department.example.com";
        for password in [own.to_owned(), own.to_uppercase(), format!("{own}1!")] {
            assert_eq!(judge(&password.as_str().into(), &RULES, &[own]), Err(Weakness::ContainsContext), "{password}");
        }
        assert_eq!(judge(&format!("{own}kx9ßq2v-ключ").as_str().into(), &RULES, &[own]), Ok(()));
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
