//! Secrets as bytes, and whether they are weak.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use secrecy::SecretSlice;
use zeroize::Zeroizing;

/// A secret: its bytes.
pub(crate) type Secret = SecretSlice<u8>;

/// The fewest bytes of a secret.
pub(crate) const MIN_BYTES: usize = 32;

/// Random bytes have more distinct values than this: of 32, about 30 differ.
const MIN_DISTINCT: usize = 8;

/// Prefixes of secrets that people copy or invent; compared in lower case, letters and digits only.
const WELL_KNOWN: [&str; 20] = [
    "changeme",
    "changethis",
    "replaceme",
    "replacethis",
    "secret",
    "supersecret",
    "topsecret",
    "mysecret",
    "yoursecret",
    "yoursession",
    "yourjwt",
    "password",
    "insecure",
    "example",
    "default",
    "developmentsecret",
    "kayansecret",
    "0123456789",
    "1234567890",
    "abcdefgh",
];

/// Why a secret is weak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Weakness {
    /// It is published somewhere, or invented.
    #[error("is a well-known value")]
    WellKnown,
    /// Shorter than 32 bytes.
    #[error("is {0} bytes long, but must have 32 or more")]
    Short(usize),
    /// It has few different bytes, or repeats a part.
    #[error("is no random value: it repeats itself")]
    Repetitive,
}

/// The bytes of a secret: hex or base64 (either alphabet, padded or not, line breaks left out) where that makes 32
/// bytes or more, else the text's own.
pub(crate) fn decode(text: &str) -> Secret {
    let compact: Zeroizing<String> = Zeroizing::new(text.split_ascii_whitespace().collect());
    let bytes = from_hex(&compact).or_else(|| from_base64(&compact)).unwrap_or_else(|| text.as_bytes().to_vec());
    Secret::from(bytes)
}

/// Finds what makes a secret easy to guess.
pub(crate) fn weakness(text: &str, bytes: &[u8]) -> Option<Weakness> {
    let plain: Zeroizing<String> =
        Zeroizing::new(text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect());
    let decoded = Zeroizing::new(String::from_utf8_lossy(bytes).to_ascii_lowercase());
    if WELL_KNOWN.iter().any(|known| plain.starts_with(known) || decoded.starts_with(known)) {
        return Some(Weakness::WellKnown);
    }
    if bytes.len() < MIN_BYTES {
        return Some(Weakness::Short(bytes.len()));
    }
    (distinct(bytes) < MIN_DISTINCT || repeats(bytes)).then_some(Weakness::Repetitive)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if text.len() < 2 * MIN_BYTES || !text.len().is_multiple_of(2) || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let byte = |at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(byte).collect()
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [STANDARD, URL_SAFE]
        .iter()
        .find_map(|alphabet| GeneralPurpose::new(alphabet, lenient).decode(text).ok())
        .filter(|bytes| bytes.len() >= MIN_BYTES)
}

fn distinct(bytes: &[u8]) -> usize {
    let mut sorted = Zeroizing::new(bytes.to_vec());
    sorted.sort_unstable();
    sorted.dedup();
    sorted.len()
}

/// Whether the bytes repeat a part that is at most half as long.
fn repeats(bytes: &[u8]) -> bool {
    (1..=bytes.len() / 2).any(|period| bytes.iter().zip(bytes.iter().skip(period)).all(|(a, b)| a == b))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    const RAW: [u8; 32] =
        *b"\x9f\x02\xffk\x88\x13\xf9\xf0\x1a?>\xb0\xc7\xd5Qe|\x00Z\xa4\x21\x39\xee\xfb\xbf\x77\x4d\x0c\xd8\x91\x66\x2a";

    fn judged(text: &str) -> Option<Weakness> {
        weakness(text, decode(text).expose_secret())
    }

    #[test]
    fn secrets_are_read_as_hex_base64_or_raw_bytes() {
        let hex = RAW.map(|b| format!("{b:02x}")).concat();
        let standard = base64::engine::general_purpose::STANDARD.encode(RAW);
        let url_safe = base64::engine::general_purpose::URL_SAFE.encode(RAW);
        assert!(standard.contains('/') && url_safe.contains('_'));
        let unpadded = [standard.trim_end_matches('='), url_safe.trim_end_matches('=')];
        for text in [&hex, &hex.to_uppercase(), &standard, &url_safe, unpadded[0], unpadded[1]] {
            assert_eq!(decode(text).expose_secret(), RAW, "{text}");
            assert_eq!(judged(text), None, "{text}");
        }
        let raw = "correct horse battery staple, twice!";
        assert_eq!(decode(raw).expose_secret(), raw.as_bytes());
        assert_eq!(judged(raw), None);
    }

    #[test]
    fn the_line_break_that_openssl_puts_into_64_bytes_is_overlooked() {
        let bytes: Vec<u8> = RAW.iter().chain(RAW.iter().rev()).copied().collect();
        let mut text = base64::engine::general_purpose::STANDARD.encode(&bytes);
        text.insert(64, '\n');
        assert_eq!(decode(&text).expose_secret(), bytes);
    }

    #[test]
    fn what_decodes_to_too_little_counts_as_raw_bytes() {
        let short_base64 = "mQL/a4gT+fAaPz6wx9VRZXwAWqQhOe4=";
        assert_eq!(decode(short_base64).expose_secret(), short_base64.as_bytes());
    }

    #[test]
    fn guessable_secrets_are_found() {
        let weak = [
            ("secret", Weakness::WellKnown),
            ("changeme-changeme-changeme-changeme", Weakness::WellKnown),
            ("Change_Me: 8f1bc63a9de077e1ffb2c8a4", Weakness::WellKnown),
            ("your-secret-key-at-least-32-bytes-long!", Weakness::WellKnown),
            ("0123456789abcdef0123456789abcdef", Weakness::WellKnown),
            ("Y2hhbmdlbWVjaGFuZ2VtZWNoYW5nZW1lY2hhbmdlbWU=", Weakness::WellKnown),
            ("short but random 8f1bc63a", Weakness::Short(25)),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Weakness::Repetitive),
            ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", Weakness::Repetitive),
            ("aabbabbbaabababbbbaaabbabaaaabbbab", Weakness::Repetitive),
            ("q8Zr!mWx2Lt0p9Vkq8Zr!mWx2Lt0p9Vk", Weakness::Repetitive),
        ];
        for (text, why) in weak {
            assert_eq!(judged(text), Some(why), "{text}");
        }
    }
}
