//! scrypt (RFC 7914), PHC strings.

use ::scrypt::{Params, scrypt};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use kayan_ports::HashError;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::{cost::Cost, formats::Salt, phc::Phc};

/// OWASP's recommendation: N = 2^17, r = 8, p = 1, which takes 128 MiB.
const LOG_N: u8 = 17;
const R: u32 = 8;
const P: u32 = 1;
const WORK: u64 = (1 << LOG_N) * R as u64 * P as u64;

/// The cost of a new hash.
pub(crate) const COST: Cost = Cost::scrypt(1 << LOG_N, R, P);

/// Limits of imported hashes (I-42): all together 128 MiB and about four seconds.
const MAX_LOG_N: u32 = 17;
const MAX_R: u32 = 8;
const MAX_P: u32 = 10;

/// A hash to compare with.
pub(crate) struct Stored {
    params: Params,
    salt: Vec<u8>,
    digest: Vec<u8>,
}

impl Stored {
    /// Parses a hash within the limits.
    pub(crate) fn parse(encoded: &str) -> Option<Self> {
        let phc = Phc::parse(encoded)?;
        let (log_n, r, p) = (phc.number("ln")?, phc.number("r")?, phc.number("p")?);
        // Checked before the crate's own check, whose product overflows.
        let bearable = (1..=MAX_LOG_N).contains(&log_n) && (1..=MAX_R).contains(&r) && (1..=MAX_P).contains(&p);
        let known = phc.algorithm == "scrypt" && phc.version.is_none() && phc.params.len() == 3;
        // A truncated one would match: a shorter output is the beginning of a longer one (RFC 7914, section 6).
        let whole = phc.digest.len() >= 16 && phc.digest.len() % 8 == 0;
        let params = (bearable && known && whole).then(|| Params::new(u8::try_from(log_n).ok()?, r, p).ok())??;
        Some(Self { params, salt: phc.salt, digest: phc.digest })
    }

    /// Whether this is the password's hash. A password with a NUL never matches: PBKDF2 keys HMAC with the password,
    /// and HMAC pads short keys with NULs (RFC 2104, section 2), so it could stand for another password.
    pub(crate) fn matches(&self, password: &[u8]) -> Result<bool, HashError> {
        let mut digest = Zeroizing::new(vec![0; self.digest.len()]);
        compute(&self.params, password, &self.salt, &mut digest)?;
        Ok(bool::from(digest.ct_eq(&self.digest)) & !password.contains(&0))
    }

    /// The cost of comparing.
    pub(crate) fn cost(&self) -> Cost {
        Cost::scrypt(self.params.n(), self.params.r(), self.params.p())
    }

    /// Whether it takes less memory than a new hash, and so possibly less time.
    pub(crate) fn is_weak(&self) -> bool {
        self.params.n() * u64::from(self.params.r()) < WORK
    }

    /// Does the work that this hash lacks compared with a new one: N is a power of two, so the difference is done as
    /// the ones of its binary number.
    pub(crate) fn make_up(&self, password: &[u8], salt: &Salt) -> Result<(), HashError> {
        let lacking = WORK.saturating_sub(work(&self.params)) / u64::from(R);
        (1..LOG_N).filter(|log_n| lacking >> log_n & 1 == 1).try_for_each(|log_n| {
            let params = Params::new(log_n, R, P).map_err(fault)?;
            compute(&params, password, salt, &mut *Zeroizing::new([0; 32]))
        })
    }
}

/// Hashes with today's parameters.
pub(crate) fn hash(password: &[u8], salt: &Salt) -> Result<String, HashError> {
    let params = Params::new(LOG_N, R, P).map_err(fault)?;
    let mut digest = Zeroizing::new([0; 32]);
    compute(&params, password, salt, &mut *digest)?;
    let (salt, digest) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(digest.as_slice()));
    Ok(format!("$scrypt$ln={LOG_N},r={R},p={P}${salt}${digest}"))
}

fn compute(params: &Params, password: &[u8], salt: &[u8], digest: &mut [u8]) -> Result<(), HashError> {
    #[cfg(test)]
    crate::ledger::enter("scrypt", work(params));
    scrypt(password, salt, params, digest).map_err(fault)
}

fn work(params: &Params) -> u64 {
    params.n() * u64::from(params.r()) * u64::from(params.p())
}

fn fault(error: impl std::fmt::Display) -> HashError {
    HashError::Fault(format!("scrypt: {error}"))
}
