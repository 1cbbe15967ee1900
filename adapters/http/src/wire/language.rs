//! The language of messages for people, as the client prefers it (RFC 9110, section 12.5.4).

use kayan_core::Language;
use poem::http::{HeaderMap, header::ACCEPT_LANGUAGE};

/// The most languages that are read.
const MOST: usize = 16;

/// The preferred one of the languages that there are; English if none is.
pub(crate) fn preferred(headers: &HeaderMap) -> Language {
    let lines = headers.get_all(ACCEPT_LANGUAGE).into_iter().filter_map(|line| line.to_str().ok());
    let ranges = lines.flat_map(|line| line.split(',')).take(MOST).filter_map(range);
    // Of equal ones the first.
    ranges.fold((0, Language::default()), |best, found| if found.0 > best.0 { found } else { best }).1
}

/// The tag of a language, for `Content-Language`.
pub(crate) fn tag(language: Language) -> &'static str {
    Language::ALL.iter().find(|(_, known)| *known == language).map_or("en", |(tag, _)| tag)
}

/// A language and how much it is preferred, in thousandths.
fn range(text: &str) -> Option<(u32, Language)> {
    let mut parts = text.split(';').map(str::trim);
    let tag = parts.next()?;
    let primary = tag.split('-').next()?;
    let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1_000), thousandths)?;
    let (_, language) = Language::ALL.into_iter().find(|(known, _)| primary.eq_ignore_ascii_case(known))?;
    Some((quality, language))
}

/// A number from 0 to 1 with three decimals at most.
fn thousandths(text: &str) -> Option<u32> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = decimals.len() <= 3 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    match (whole, digits) {
        ("0", true) => format!("{decimals:0<3}").parse().ok(),
        ("1", true) => Some(1_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;

    use super::*;

    fn of(lines: &[&'static str]) -> Language {
        preferred(&lines.iter().map(|line| (ACCEPT_LANGUAGE, HeaderValue::from_static(line))).collect())
    }

    #[test]
    fn the_most_preferred_language_that_there_is_is_spoken() {
        for german in ["de", "de-AT", "DE", "fr, de;q=0.8, en;q=0.7", "en;q=0.5,de;q=0.501", "de,en", "de ; q=1.000"] {
            assert_eq!(of(&[german]), Language::German, "{german}");
        }
        assert_eq!(of(&["en;q=0.2", "de;q=0.3"]), Language::German);
    }

    #[test]
    fn english_is_spoken_to_everyone_else() {
        for other in ["", "en", "fr", "*", "de;q=0", "de;q=2", "de;q=0.1234", "en-GB,de", "deutsch", "de;q=x", ",;,"] {
            assert_eq!(of(&[other]), Language::English, "{other}");
        }
        assert_eq!(of(&[]), Language::English);
        assert_eq!(preferred(&HeaderMap::new()), Language::English);
    }
}
