//! argon2 (RFC 9106), PHC strings.

use std::cell::RefCell;

use ::argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, PasswordHash, Salt as PhcSalt},
};
use kayan_ports::HashError;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::formats::Salt;

/// OWASP's recommendation: 19 MiB, two passes, one lane.
const MEMORY: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const WORK: u64 = MEMORY as u64 * PASSES as u64;

/// Bounds of imported hashes: 1 GiB, and with twenty passes some seven seconds.
const MAX_MEMORY: u32 = 1024 * 1024;
const MAX_PASSES: u32 = 20;
const MAX_LANES: u32 = 16;

thread_local! {
    /// The blocks of this thread's last hash: half of the time would go into faulting in fresh pages. They are not
    /// wiped in between; the next hash overwrites them.
    static BLOCKS: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
}

/// A hash to compare with.
pub(crate) struct Stored {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: PhcSalt,
    digest: Output,
}

impl Stored {
    /// Reads any argon2 within the bounds.
    pub(crate) fn parse(encoded: &str) -> Option<Self> {
        let phc = PasswordHash::new(encoded).ok()?;
        let algorithm = Algorithm::try_from(phc.algorithm.as_str()).ok()?;
        // The reference implementation writes no version for 16.
        let version = phc.version.map_or(Ok(Version::V0x10), Version::try_from).ok()?;
        // The crate fills in defaults for parameters that are missing.
        let complete = ["m", "t", "p"].iter().all(|name| phc.params.get(*name).is_some());
        let params = Params::try_from(&phc).ok()?;
        let bearable = params.m_cost() <= MAX_MEMORY && params.t_cost() <= MAX_PASSES && params.p_cost() <= MAX_LANES;
        (complete && bearable).then_some(Self { algorithm, version, params, salt: phc.salt?, digest: phc.hash? })
    }

    /// Whether this is the password's hash.
    pub(crate) fn matches(&self, password: &[u8]) -> Result<bool, HashError> {
        let mut digest = Zeroizing::new([0; Output::MAX_LENGTH]);
        let digest = digest.get_mut(..self.digest.len()).unwrap_or_default();
        compute(self.algorithm, self.version, self.params.clone(), password, &self.salt, digest)?;
        Ok(digest.ct_eq(self.digest.as_bytes()).into())
    }

    /// Whether it is another variant, or takes less memory or time than a hash made today.
    pub(crate) fn is_weak(&self) -> bool {
        let current = self.algorithm == Algorithm::Argon2id && self.version == Version::V0x13;
        !current || self.params.m_cost() < MEMORY || self.work() < WORK
    }

    /// Fills the blocks that this hash lacks of one of today's, in as many passes.
    pub(crate) fn make_up(&self, password: &[u8], salt: &Salt) -> Result<(), HashError> {
        let lacking = WORK.saturating_sub(self.work()) / u64::from(PASSES);
        // Below eight blocks argon2 does not work, and nobody can measure it.
        match u32::try_from(lacking) {
            Ok(memory) if memory >= Params::MIN_M_COST => compute_id(memory, password, salt).map(drop),
            _ => Ok(()),
        }
    }

    fn work(&self) -> u64 {
        work(&self.params)
    }
}

/// Hashes with argon2id.
pub(crate) fn hash(password: &[u8], salt: &Salt) -> Result<String, HashError> {
    let digest = compute_id(MEMORY, password, salt)?;
    let salt = PhcSalt::new(salt).map_err(fault)?;
    let digest = Output::new(&*digest).map_err(fault)?;
    Ok(format!("$argon2id$v=19$m={MEMORY},t={PASSES},p={LANES}${salt}${digest}"))
}

fn compute_id(memory: u32, password: &[u8], salt: &Salt) -> Result<Zeroizing<[u8; 32]>, HashError> {
    let params = Params::new(memory, PASSES, LANES, None).map_err(fault)?;
    let mut digest = Zeroizing::new([0; 32]);
    compute(Algorithm::Argon2id, Version::V0x13, params, password, salt, &mut *digest)?;
    Ok(digest)
}

fn compute(
    algorithm: Algorithm,
    version: Version,
    params: Params,
    password: &[u8],
    salt: &[u8],
    digest: &mut [u8],
) -> Result<(), HashError> {
    #[cfg(test)]
    crate::ledger::enter("argon2", work(&params));
    BLOCKS.with_borrow_mut(|blocks| {
        let count = params.block_count();
        // An allocation that fails must be an error, not the end of the process.
        blocks.try_reserve_exact(count.saturating_sub(blocks.len())).map_err(fault)?;
        blocks.resize(blocks.len().max(count), Block::new());
        let done = Argon2::new(algorithm, version, params).hash_password_into_with_memory(
            password,
            salt,
            digest,
            &mut *blocks,
        );
        // A large imported hash must not hold its memory for ever.
        blocks.truncate(MEMORY as usize);
        blocks.shrink_to(MEMORY as usize);
        done.map_err(fault)
    })
}

fn work(params: &Params) -> u64 {
    u64::from(params.m_cost()) * u64::from(params.t_cost())
}

fn fault(error: impl std::fmt::Display) -> HashError {
    HashError::Fault(format!("argon2: {error}"))
}
