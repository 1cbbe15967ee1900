//! When two identifiers are the same, and which are not taken at all.
//!
//! The canonical form is Unicode NFKC with full case folding (UAX #15, UTS #39), the domain of an address in its ASCII
//! form (UTS #46). Invisible characters and letters of mixed scripts are refused: they serve look-alikes only.

use idna::{domain_to_ascii_strict, domain_to_unicode};
use kayan_ports::Identifier;
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory as Category, UnicodeGeneralCategory};
use unicode_security::{RestrictionLevel, RestrictionLevelDetection};

/// The longest identifier, in bytes of its canonical form (RFC 5321's limit for an address).
pub const MAX_BYTES: usize = 254;

/// The longest local part of an e-mail address, in bytes (RFC 5321, section 4.5.3.1.1).
const MAX_LOCAL_BYTES: usize = 64;

/// The longest spelling of a phone number, in bytes.
const MAX_PHONE_BYTES: usize = 64;

/// Why a text is not an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentifierError {
    /// It is empty.
    #[error("must not be empty")]
    Empty,
    /// Too long.
    #[error("must have at most {MAX_BYTES} bytes")]
    TooLong,
    /// White space, a control, invisible, private or unassigned character.
    #[error("must not contain spaces, control or invisible characters")]
    Invisible,
    /// Letters of several scripts in one word, as with a Cyrillic `а` among Latin letters.
    #[error("must not mix letters of different alphabets")]
    MixedScripts,
    /// Not a domain name behind the `@`.
    #[error("must have a valid domain name behind the @")]
    Domain,
    /// An e-mail address without an `@`.
    #[error("must have an @, as in ada@example.com")]
    NoAt,
    /// A local part that is not a dot-string: in quotes, with a dot at an end or two in a row, or with another sign.
    #[error("must have letters, digits, single dots and !#$%&'*+-/=?^_`{{|}}~ before the @, and no quotes")]
    Local,
    /// Too long a local part.
    #[error("must have at most {MAX_LOCAL_BYTES} bytes before the @")]
    LongLocal,
    /// Not a phone number.
    #[error("must have a + and 8 to 15 digits, the country code first, as in +49 170 1234567, and no (0)")]
    Phone,
}

/// The canonical form of an identifier; of a phone number, that of E.164, as in `+491701234567`.
pub fn canonical(text: &str) -> Result<Identifier, IdentifierError> {
    if text.is_empty() {
        return Err(IdentifierError::Empty);
    }
    // Normalising can make a text longer, but never shorter than a quarter: spare the work on absurd input.
    if text.len() > 4 * MAX_BYTES {
        return Err(IdentifierError::TooLong);
    }
    if let Some(number) = phone(text) {
        return Ok(number);
    }
    if text.chars().any(is_invisible) {
        return Err(IdentifierError::Invisible);
    }
    let folded: String = caseless::default_case_fold_str(&text.nfkc().collect::<String>()).nfkc().collect();
    if folded.chars().any(is_invisible) {
        return Err(IdentifierError::Invisible);
    }
    let whole = match folded.rsplit_once('@') {
        None => folded,
        Some((local, domain)) => {
            let (unicode, valid) = domain_to_unicode(domain);
            valid.map_err(|_| IdentifierError::Domain)?;
            let ascii = domain_to_ascii_strict(&unicode).map_err(|_| IdentifierError::Domain)?;
            if local.is_empty() || ascii.is_empty() {
                return Err(IdentifierError::Domain);
            }
            refuse_mixed_scripts(&unicode)?;
            format!("{local}@{ascii}")
        }
    };
    refuse_mixed_scripts(&whole)?;
    if whole.len() > MAX_BYTES { Err(IdentifierError::TooLong) } else { Ok(Identifier::from_canonical(whole)) }
}

/// The canonical form of an e-mail address that internationalised mail can deliver to (RFC 6531, section 3.3), and an
/// identifier. The local part is a dot-string of at most 64 bytes: a quoted string would be a second spelling of a mailbox
/// (RFC 5321, section 4.1.2). The whole has at most 254 bytes, as written and in its canonical form.
pub fn address(text: &str) -> Result<Identifier, IdentifierError> {
    let folded = canonical(text)?;
    for form in [text, folded.as_str()] {
        let (local, _) = form.rsplit_once('@').ok_or(IdentifierError::NoAt)?;
        let atom = |atom: &str| !atom.is_empty() && atom.chars().all(is_atom_character);
        if !local.split('.').all(atom) {
            return Err(IdentifierError::Local);
        }
        if local.len() > MAX_LOCAL_BYTES {
            return Err(IdentifierError::LongLocal);
        }
        if form.len() > MAX_BYTES {
            return Err(IdentifierError::TooLong);
        }
    }
    Ok(folded)
}

/// Checks that a text is such an address.
pub fn check_address(text: &str) -> Result<(), IdentifierError> {
    address(text).map(drop)
}

/// Checks that a text is a phone number with its country code.
pub fn check_phone(text: &str) -> Result<(), IdentifierError> {
    phone(text).map(drop).ok_or(IdentifierError::Phone)
}

/// The form of E.164 of a phone number that begins with `+`; between its digits there may be spaces and `-./()`. One with
/// `(0)` is none: that digit is dialled within the country only.
fn phone(text: &str) -> Option<Identifier> {
    if text.len() > MAX_PHONE_BYTES || !text.starts_with(['+', '\u{FF0B}']) {
        return None;
    }
    let folded: String = text.nfkc().collect();
    let is_whole = folded.ends_with(|c: char| c.is_ascii_digit()) && !folded.contains("(0)");
    let number: String = folded.chars().filter(|c| !" -./()".contains(*c)).collect();
    let number = Identifier::from_canonical(number);
    (is_whole && number.is_phone()).then_some(number)
}

/// `atext` of RFC 5322, section 3.2.3, as RFC 6531 extends it.
fn is_atom_character(c: char) -> bool {
    !c.is_ascii() || c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)
}

fn refuse_mixed_scripts(text: &str) -> Result<(), IdentifierError> {
    let mixed = |word: &str| word.detect_restriction_level() > RestrictionLevel::HighlyRestrictive;
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_ascii());
    if words.into_iter().any(mixed) { Err(IdentifierError::MixedScripts) } else { Ok(()) }
}

fn is_invisible(c: char) -> bool {
    let category = c.general_category();
    c.is_whitespace()
        || matches!(
            category,
            Category::Control
                | Category::Format
                | Category::PrivateUse
                | Category::Unassigned
                | Category::LineSeparator
                | Category::ParagraphSeparator
                | Category::SpaceSeparator
        )
        || is_blank_letter(c)
}

/// Characters that Unicode files under letters or marks although nothing of them is seen.
fn is_blank_letter(c: char) -> bool {
    matches!(c, '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}' | '\u{2800}'
        | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FFA0}' | '\u{E0100}'..='\u{E01EF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> Result<String, IdentifierError> {
        canonical(text).map(|id| id.as_str().to_owned())
    }

    #[test]
    fn i_09_spellings_of_one_identifier_have_one_canonical_form() {
        for same in ["ada@example.com", "ADA@EXAMPLE.COM", "ａｄａ@example.com", "ada@ｅxample.com", "Ada@Example.Com"]
        {
            assert_eq!(form(same), Ok("ada@example.com".to_owned()), "{same}");
        }
        assert_eq!(form("STRASSE"), form("straße"));
        assert_eq!(form("e\u{301}va"), form("éva"));
        assert_eq!(form("ada@bücher.example"), Ok("ada@xn--bcher-kva.example".to_owned()));
        assert_eq!(form("ada@xn--bcher-kva.example"), form("ada@BÜCHER.example"));
    }

    #[test]
    fn i_09_invisible_characters_are_refused() {
        for bad in
            ["a\u{200B}da", "ada\u{0}", "a da", "\u{202E}ada", "ada\u{FE0F}", "a\u{3164}", "\u{FEFF}ada", "ada\n"]
        {
            assert_eq!(form(bad), Err(IdentifierError::Invisible), "{bad:?}");
        }
    }

    #[test]
    fn look_alikes_of_mixed_scripts_are_refused() {
        assert_eq!(form("\u{430}da@example.com"), Err(IdentifierError::MixedScripts));
        assert_eq!(form("ada@ex\u{430}mple.com"), Err(IdentifierError::MixedScripts));
        assert_eq!(form("ada@xn--exmple-4nf.com"), Err(IdentifierError::MixedScripts));
        assert!(form("анна@example.com").is_ok(), "a word in one script is fine");
        assert!(form("田中taro").is_ok(), "scripts that are written together are fine");
    }

    #[test]
    fn i_09_spellings_of_one_phone_number_have_one_canonical_form() {
        for same in [
            "+491701234567",
            "+49 170 1234567",
            "+49 (170) 123-45.67",
            "+49/170/1234567",
            "\u{FF0B}49\u{A0}170\u{A0}\u{FF11}234567",
        ] {
            assert_eq!(form(same), Ok("+491701234567".to_owned()), "{same}");
            assert_eq!(check_phone(same), Ok(()), "{same}");
        }
        assert_eq!(canonical("+49 170 1234567").unwrap().masked(), "+49***67");
    }

    #[test]
    fn what_is_no_phone_number_with_its_country_code_is_refused() {
        for bad in [
            "",
            "+",
            "0170 1234567",
            "0049 170 1234567",
            "491701234567",
            "+49 (0)170 1234567",
            "+0491701234567",
            "+1234567",
            "+1234567890123456",
            "+49 170 123 45 67 ",
            " +491701234567",
            "+49170123456x",
            "+49170+1234567",
            "+49170\n1234567",
            "+4917012345\u{200B}67",
            "++491701234567",
            "ada@example.com",
            &format!("+49{}1701234567", " ".repeat(60)),
        ] {
            assert_eq!(check_phone(bad), Err(IdentifierError::Phone), "{bad:?}");
        }
    }

    #[test]
    fn length_is_bounded() {
        assert_eq!(form(""), Err(IdentifierError::Empty));
        assert_eq!(form(&"a".repeat(254)).map(|s| s.len()), Ok(254));
        assert_eq!(form(&"a".repeat(255)), Err(IdentifierError::TooLong));
        assert_eq!(form(&"a".repeat(10_000)), Err(IdentifierError::TooLong));
        assert_eq!(form("@example.com"), Err(IdentifierError::Domain));
        assert_eq!(form("ada@"), Err(IdentifierError::Domain));
    }

    #[test]
    fn addresses_of_any_script_are_taken_as_mail_delivers_to_them() {
        for good in [
            "ada@example.com",
            "ada@bücher.example",
            "ada@xn--bcher-kva.example",
            "jörg@example.com",
            "user@пример.рф",
            "пользователь@пример.рф",
            "田中@例え.テスト",
            "o'hara+kayan/{x}@mail.example.com",
            "ada@localhost",
            &format!("{}@example.com", "a".repeat(64)),
            &format!("{}@example.com", "ö".repeat(32)),
        ] {
            assert_eq!(check_address(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_no_mail_server_takes_is_no_address() {
        let long_domain = format!("ada@{}.example", vec!["ü".repeat(41); 3].join("."));
        for (bad, why) in [
            ("", IdentifierError::Empty),
            ("ada", IdentifierError::NoAt),
            ("ada＠example.com", IdentifierError::NoAt),
            ("@example.com", IdentifierError::Domain),
            ("ada@", IdentifierError::Domain),
            ("ada@[127.0.0.1]", IdentifierError::Domain),
            ("ada@exa_mple.com", IdentifierError::Domain),
            ("ada@example.com.", IdentifierError::Domain),
            ("ada@-example.com", IdentifierError::Domain),
            ("ada@example..com", IdentifierError::Domain),
            (&format!("ada@{}.example", "ü".repeat(63)), IdentifierError::Domain),
            ("\"ada\"@example.com", IdentifierError::Local),
            ("\"a@b\"@example.com", IdentifierError::Local),
            ("ada@b@example.com", IdentifierError::Local),
            (".ada@example.com", IdentifierError::Local),
            ("a..da@example.com", IdentifierError::Local),
            ("ada.@example.com", IdentifierError::Local),
            ("a\u{2024}@example.com", IdentifierError::Local),
            ("a,b@example.com", IdentifierError::Local),
            ("<ada@example.com", IdentifierError::Local),
            ("a da@example.com", IdentifierError::Invisible),
            ("ada\r\nBcc:x@example.com", IdentifierError::Invisible),
            ("ada\u{0}@example.com", IdentifierError::Invisible),
            ("\u{430}da@example.com", IdentifierError::MixedScripts),
            (&format!("{}@example.com", "a".repeat(65)), IdentifierError::LongLocal),
            (&format!("{}@example.com", "ö".repeat(33)), IdentifierError::LongLocal),
            (&long_domain, IdentifierError::TooLong),
        ] {
            assert_eq!(check_address(bad), Err(why), "{bad:?}");
        }
    }
}
