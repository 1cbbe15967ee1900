//! PHC strings: `$<algorithm>[$v=<version>]$<name>=<value>,…$<salt>$<digest>`, in base64 without padding.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};

/// The accepted lengths of a salt in bytes. The PHC format recommends at most 48; Keycloak and others write 64.
const SALTS: std::ops::RangeInclusive<usize> = 8..=64;
const DIGESTS: std::ops::RangeInclusive<usize> = 10..=64;

/// A parsed PHC string.
pub(crate) struct Phc<'a> {
    pub(crate) algorithm: &'a str,
    pub(crate) version: Option<u32>,
    /// In the order of the text; no name occurs twice.
    pub(crate) params: Vec<(&'a str, &'a str)>,
    pub(crate) salt: Vec<u8>,
    pub(crate) digest: Vec<u8>,
}

impl<'a> Phc<'a> {
    /// Parses a string with parameters, a salt and a digest.
    pub(crate) fn parse(encoded: &'a str) -> Option<Self> {
        let mut fields = encoded.strip_prefix('$')?.split('$');
        let algorithm = fields.next()?;
        let mut params = fields.next()?;
        let version = params.strip_prefix("v=").filter(|_| !params.contains(',')).map(decimal);
        if version.is_some() {
            params = fields.next()?;
        }
        let (salt, digest) =
            (STANDARD_NO_PAD.decode(fields.next()?).ok()?, STANDARD_NO_PAD.decode(fields.next()?).ok()?);
        let whole = fields.next().is_none() && SALTS.contains(&salt.len()) && DIGESTS.contains(&digest.len());
        let version = version.map_or(Some(None), |version| version.map(Some))?;
        whole.then_some(Self { algorithm, version, params: pairs(params)?, salt, digest })
    }

    /// A parameter's text.
    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        self.params.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// A parameter's number.
    pub(crate) fn number(&self, name: &str) -> Option<u32> {
        self.text(name).and_then(decimal)
    }
}

fn pairs(text: &str) -> Option<Vec<(&str, &str)>> {
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for pair in text.split(',') {
        let (name, value) = pair.split_once('=')?;
        let twice = pairs.iter().any(|(known, _)| *known == name);
        if name.is_empty() || value.is_empty() || twice {
            return None;
        }
        pairs.push((name, value));
    }
    Some(pairs)
}

/// Only digits: no sign, and no leading zero.
pub(crate) fn decimal(text: &str) -> Option<u32> {
    let strict = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    strict.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_taken_apart_and_a_strange_one_is_none() {
        let (salt, digest) = (STANDARD_NO_PAD.encode([7; 64]), STANDARD_NO_PAD.encode([8; 32]));
        let whole = format!("$argon2id$v=19$m=256,t=2,p=1${salt}${digest}");
        let phc = Phc::parse(&whole).unwrap();
        assert_eq!(
            (phc.algorithm, phc.version, phc.number("m"), phc.text("x")),
            ("argon2id", Some(19), Some(256), None)
        );
        assert_eq!((phc.salt, phc.digest), (vec![7; 64], vec![8; 32]));
        assert_eq!(Phc::parse(&format!("$scrypt$ln=4,r=8${salt}${digest}")).unwrap().version, None);
        for strange in [
            format!("argon2id$v=19$m=256${salt}${digest}"),
            format!("$argon2id$v=x$m=256${salt}${digest}"),
            format!("$argon2id$v=19${salt}${digest}"),
            format!("$argon2id$m=256,m=1${salt}${digest}"),
            format!("$argon2id$m=256,${salt}${digest}"),
            format!("$argon2id$m=${salt}${digest}"),
            format!("$argon2id$m=256${salt}"),
            format!("$argon2id$m=256${salt}${digest}$"),
            format!("$argon2id$m=256${salt}=${digest}"),
            format!("$argon2id$m=256${}${digest}", STANDARD_NO_PAD.encode([7; 65])),
            format!("$argon2id$m=256${}${digest}", STANDARD_NO_PAD.encode([7; 7])),
        ] {
            assert!(Phc::parse(&strange).is_none(), "{strange}");
        }
        assert_eq!((decimal("0"), decimal("01"), decimal("+1"), decimal("4294967296")), (Some(0), None, None, None));
    }
}
