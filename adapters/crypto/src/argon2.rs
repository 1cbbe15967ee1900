//! argon2 (RFC 9106), PHC strings.

use std::cell::RefCell;

use ::argon2::{Algorithm, Argon2, Block, Params, ParamsBuilder, Version};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use kayan_ports::HashError;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::{cost::Cost, formats::Salt, phc::Phc};

/// OWASP's recommendation: 19 MiB, two passes, one lane.
const MEMORY: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const WORK: u64 = MEMORY as u64 * PASSES as u64;

/// The cost of a new hash.
pub(crate) const COST: Cost = Cost::argon2(MEMORY, PASSES);

/// Limits of imported hashes (I-42): 1 GiB, and with ten passes about three seconds.
const MAX_MEMORY: u32 = 1024 * 1024;
const MAX_PASSES: u32 = 10;
const MAX_LANES: u32 = 16;

thread_local! {
    /// The memory of this thread's last hash, kept because half of the time would go into page faults of fresh memory.
    /// It is not wiped in between; the next hash overwrites it.
    static BLOCKS: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
}

/// A hash to compare with.
pub(crate) struct Stored {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Vec<u8>,
    digest: Vec<u8>,
}

impl Stored {
    /// Parses any argon2 hash within the limits.
    pub(crate) fn parse(encoded: &str) -> Option<Self> {
        let phc = Phc::parse(encoded)?;
        let algorithm = Algorithm::try_from(phc.algorithm).ok()?;
        // The reference implementation writes no version for 16.
        let version = phc.version.map_or(Ok(Version::V0x10), Version::try_from).ok()?;
        let (memory, passes, lanes) = (phc.number("m")?, phc.number("t")?, phc.number("p")?);
        let mut builder = ParamsBuilder::new();
        builder.m_cost(memory).t_cost(passes).p_cost(lanes).output_len(phc.digest.len());
        for (name, value) in &phc.params {
            match *name {
                "m" | "t" | "p" => {}
                "keyid" => {
                    builder.keyid(value.parse().ok()?);
                }
                "data" => {
                    builder.data(value.parse().ok()?);
                }
                _ => return None,
            }
        }
        let params = builder.build().ok()?;
        let bearable = memory <= MAX_MEMORY && passes <= MAX_PASSES && lanes <= MAX_LANES;
        bearable.then_some(Self { algorithm, version, params, salt: phc.salt, digest: phc.digest })
    }

    /// Whether this is the password's hash.
    pub(crate) fn matches(&self, password: &[u8]) -> Result<bool, HashError> {
        let mut digest = Zeroizing::new(vec![0; self.digest.len()]);
        compute(self.algorithm, self.version, self.params.clone(), password, &self.salt, &mut digest)?;
        Ok(digest.ct_eq(&self.digest).into())
    }

    /// The cost of comparing.
    pub(crate) fn cost(&self) -> Cost {
        Cost::argon2(self.params.m_cost(), self.params.t_cost())
    }

    /// Whether it is another variant, or takes less memory or time than a hash made today.
    pub(crate) fn is_weak(&self) -> bool {
        let current = self.algorithm == Algorithm::Argon2id && self.version == Version::V0x13;
        !current || self.params.m_cost() < MEMORY || self.work() < WORK
    }

    /// Fills the blocks that this hash lacks compared with a new one, in as many passes.
    pub(crate) fn make_up(&self, password: &[u8], salt: &Salt) -> Result<(), HashError> {
        let lacking = WORK.saturating_sub(self.work()) / u64::from(PASSES);
        // Below eight blocks argon2 does not work, and the difference can't be measured.
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
    let (salt, digest) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(digest.as_slice()));
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
        // Memory for a large imported hash must not be held forever.
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
