//! PBKDF2 (RFC 8018, section 5.2) with HMAC-SHA-256 and -512: only verified, never used for new hashes.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use kayan_ports::HashError;
use pbkdf2::pbkdf2_hmac;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::{
    cost::Cost,
    phc::{Phc, decimal},
};

/// The limit of imported hashes: about seven seconds, counted as the rounds of all blocks of the digest together.
const MAX_ROUNDS: u64 = 10_000_000;
const MAX_SALT: usize = 64;
const MAX_DIGEST: usize = 64;
/// A shorter digest would match other passwords as well.
const MIN_DIGEST: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Digest {
    Sha256,
    Sha512,
}

/// A hash to compare with.
pub(crate) struct Stored {
    digest: Digest,
    rounds: u32,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Stored {
    /// Parses a hash within the limits, in one of the three common forms: the PHC string, passlib's, and Django's,
    /// whose salt is plain text.
    pub(crate) fn parse(encoded: &str) -> Option<Self> {
        let parsed = if encoded.starts_with('$') {
            from_phc(encoded).or_else(|| from_passlib(encoded))
        } else {
            from_django(encoded)
        };
        parsed.filter(Self::is_bearable)
    }

    fn is_bearable(&self) -> bool {
        (1..=MAX_ROUNDS).contains(&self.work())
            && (1..=MAX_SALT).contains(&self.salt.len())
            && (MIN_DIGEST..=MAX_DIGEST).contains(&self.output.len())
    }

    /// The cost of comparing.
    pub(crate) fn cost(&self) -> Cost {
        Cost::pbkdf2(self.work())
    }

    /// The rounds of all blocks together.
    fn work(&self) -> u64 {
        u64::from(self.rounds) * self.output.len().div_ceil(self.digest.size()) as u64
    }

    /// Whether this is the password's hash. A password with a NUL never matches: HMAC pads short keys with NULs (RFC
    /// 2104, section 2), so it could stand for another password.
    pub(crate) fn matches(&self, password: &[u8]) -> Result<bool, HashError> {
        #[cfg(test)]
        crate::ledger::enter("pbkdf2", self.work());
        let mut room = Zeroizing::new([0; MAX_DIGEST]);
        let output = room.get_mut(..self.output.len()).ok_or_else(|| HashError::Fault("pbkdf2: too long".into()))?;
        match self.digest {
            Digest::Sha256 => pbkdf2_hmac::<Sha256>(password, &self.salt, self.rounds, output),
            Digest::Sha512 => pbkdf2_hmac::<Sha512>(password, &self.salt, self.rounds, output),
        }
        Ok(bool::from(output.ct_eq(&self.output)) & !password.contains(&0))
    }
}

impl Digest {
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "sha256" => Some(Self::Sha256),
            "sha512" => Some(Self::Sha512),
            _ => None,
        }
    }

    fn size(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

/// `$pbkdf2-sha256$i=600000,l=32$<salt>$<hash>`, in base64 without padding; `l` may be left out.
fn from_phc(encoded: &str) -> Option<Stored> {
    let phc = Phc::parse(encoded)?;
    let digest = Digest::from_name(phc.algorithm.strip_prefix("pbkdf2-")?)?;
    let rounds = phc.number("i")?;
    let told = match phc.text("l") {
        None => 1,
        Some(length) => {
            (usize::try_from(decimal(length)?).ok()? == phc.digest.len()).then_some(())?;
            2
        }
    };
    let known = phc.version.is_none() && phc.params.len() == told;
    known.then_some(Stored { digest, rounds, salt: phc.salt, output: phc.digest })
}

/// `$pbkdf2-sha256$29000$<salt>$<hash>`, in base64 with `.` for `+` and without padding.
fn from_passlib(encoded: &str) -> Option<Stored> {
    let [name, rounds, salt, output] = parts(encoded.strip_prefix("$pbkdf2-")?)?;
    let plain = |text: &str| {
        let standard = (!text.contains('+')).then(|| text.replace('.', "+"))?;
        STANDARD_NO_PAD.decode(standard).ok()
    };
    whole(name, rounds, plain(salt)?, plain(output)?)
}

/// `pbkdf2_sha256$600000$<salt>$<hash>`: the salt as it is, the hash in base64.
fn from_django(encoded: &str) -> Option<Stored> {
    let [name, rounds, salt, output] = parts(encoded.strip_prefix("pbkdf2_")?)?;
    let printable = salt.bytes().all(|byte| byte.is_ascii_graphic());
    whole(name, rounds, printable.then(|| salt.as_bytes().to_vec())?, STANDARD.decode(output).ok()?)
}

/// Both programs write as many bytes as the digest has.
fn whole(name: &str, rounds: &str, salt: Vec<u8>, output: Vec<u8>) -> Option<Stored> {
    let digest = Digest::from_name(name)?;
    (output.len() == digest.size()).then_some(Stored { digest, rounds: decimal(rounds)?, salt, output })
}

fn parts(text: &str) -> Option<[&str; 4]> {
    text.split('$').collect::<Vec<_>>().try_into().ok()
}
