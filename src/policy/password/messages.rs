//! What is wrong with a password, for programs and for people.

use std::fmt;

use super::Weakness;
use crate::policy::language;

/// A language that messages about passwords are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// German.
    German,
}

impl Language {
    const ALL: [Self; 2] = [Self::English, Self::German];

    /// The one that an `Accept-Language` header (RFC 9110, section 12.5.4) prefers, or else English.
    pub fn preferred(header: &str) -> Self {
        let of = |tag: &str| {
            let primary = tag.split('-').next().unwrap_or_default();
            Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
        };
        language::wanted(header).into_iter().find_map(of).unwrap_or_default()
    }

    /// Its tag (RFC 5646).
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }
}

impl Weakness {
    /// The name of the broken rule, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooShort { .. } => "too_short",
            Self::TooManyCharacters { .. } | Self::TooLong { .. } => "too_long",
            Self::Nul => "nul_character",
            Self::Common => "common",
            Self::ContainsContext => "contains_context",
            Self::Guessable => "guessable",
            Self::Breached => "breached",
            Self::Reused { .. } => "reused",
        }
    }

    /// What is wrong and what to do, for people.
    pub fn message(&self, language: Language) -> String {
        match language {
            Language::English => self.english(),
            Language::German => self.german(),
        }
    }

    fn english(&self) -> String {
        let text = match self {
            Self::TooShort { min } => return format!("the password must have at least {min} characters"),
            Self::TooManyCharacters { max } => return format!("the password must have at most {max} characters"),
            Self::TooLong { max } => return format!("the password must have at most {max} bytes"),
            Self::Reused { last: 1 } => "this is the current password: choose a new one",
            Self::Reused { last } => {
                return format!("the password is one of the last {last}: choose one that was not used before");
            }
            Self::Nul => "the password must not contain a NUL character",
            Self::Common => "the password is one of the most common ones: choose another one",
            Self::ContainsContext => {
                "the password is little more than your address, your name or that of the organization: add words that \
                 have nothing to do with them"
            }
            Self::Guessable => {
                "the password is too easy to guess: avoid common words and patterns, or combine several unrelated words"
            }
            Self::Breached => "the password is known from a data breach: choose another one, and use this one nowhere",
        };
        text.to_owned()
    }

    fn german(&self) -> String {
        let text = match self {
            Self::TooShort { min } => return format!("das Passwort muss mindestens {min} Zeichen haben"),
            Self::TooManyCharacters { max } => return format!("das Passwort darf höchstens {max} Zeichen haben"),
            Self::TooLong { max } => return format!("das Passwort darf höchstens {max} Bytes haben"),
            Self::Reused { last: 1 } => "das ist das jetzige Passwort: bitte ein neues wählen",
            Self::Reused { last } => {
                return format!(
                    "das Passwort ist eines der letzten {last}: bitte eines wählen, das noch nicht benutzt wurde"
                );
            }
            Self::Nul => "das Passwort darf kein NUL-Zeichen enthalten",
            Self::Common => "das Passwort ist eines der häufigsten: bitte ein anderes wählen",
            Self::ContainsContext => {
                "das Passwort ist kaum mehr als die eigene Adresse, der eigene Name oder der der Organisation: bitte \
                 Wörter hinzufügen, die nichts damit zu tun haben"
            }
            Self::Guessable => {
                "das Passwort ist zu leicht zu erraten: bitte häufige Wörter und Muster vermeiden oder mehrere Wörter \
                 verbinden, die nichts miteinander zu tun haben"
            }
            Self::Breached => {
                "das Passwort ist aus einem Datenleck bekannt: bitte ein anderes wählen und dieses nirgends verwenden"
            }
        };
        text.to_owned()
    }
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.english())
    }
}

impl std::error::Error for Weakness {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_in_the_most_preferred_language_that_there_is() {
        for german in ["de", "de-AT", "DE", "fr, de;q=0.8, en;q=0.7", "en;q=0.5,de;q=0.501", "de,en", "de ; q=1.000"] {
            assert_eq!(Language::preferred(german), Language::German, "{german}");
        }
    }

    #[test]
    fn everyone_else_gets_english() {
        for other in ["", "en", "fr", "*", "de;q=0", "en-GB,de", "deutsch", "de;q=x", ",;,"] {
            assert_eq!(Language::preferred(other), Language::English, "{other}");
        }
    }
}
