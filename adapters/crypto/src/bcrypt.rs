//! bcrypt (Provos and Mazières 1999), the modular crypt format `$2b$`.

use std::{ops::RangeInclusive, str::FromStr as _};

use ::bcrypt::{HashParts, Version};
use kayan_ports::{HashError, PasswordHash};

use crate::{cost::Cost, formats::Salt};

/// The costs that bcrypt knows.
pub(crate) const COSTS: RangeInclusive<u32> = 4..=31;

/// The most that bcrypt takes; at 72 bytes the NUL that ends shorter passwords is left out.
pub(crate) const MAX_BYTES: usize = 72;

/// The highest cost of an imported hash (I-42): some two seconds. Without a bound, a hostile hash of cost 31 would
/// hold a thread for a day.
const BEARABLE: u32 = 15;

/// A hash to compare with.
pub(crate) struct Stored<'a> {
    cost: u32,
    encoded: &'a str,
    /// Whether only the first 72 bytes of a password count, as where the hash was made.
    cutting: bool,
}

impl<'a> Stored<'a> {
    /// Reads `$2a$`, `$2b$` and `$2y$`, which are the same algorithm, up to the bearable cost or `own`, the cost
    /// of the hashes made here. `$2x$` is another one: it carries `crypt_blowfish`'s sign extension bug.
    pub(crate) fn parse(hash: &'a PasswordHash, own: u32) -> Option<Self> {
        let (encoded, cutting) = (hash.as_made(), hash.is_cutting());
        let known = ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| encoded.starts_with(prefix));
        let cost = HashParts::from_str(encoded).ok()?.get_cost();
        (known && COSTS.contains(&cost) && cost <= BEARABLE.max(own)).then_some(Self { cost, encoded, cutting })
    }

    /// Whether this is the password's hash; never, after the same work, if bcrypt can't take the password whole and the
    /// hash is none that cuts.
    pub(crate) fn matches(&self, password: &[u8]) -> Result<bool, HashError> {
        #[cfg(test)]
        crate::ledger::enter("bcrypt", 1 << self.cost);
        // The crate cuts at 72 bytes and compares in constant time.
        let taken = if self.cutting { !password.contains(&0) } else { takes(password) };
        ::bcrypt::verify(password, self.encoded).map(|same| same & taken).map_err(fault)
    }

    /// What comparing costs.
    pub(crate) fn cost(&self) -> Cost {
        Cost::bcrypt(self.cost)
    }

    /// Whether it matches more passwords than one, and should be made anew.
    pub(crate) fn is_cutting(&self) -> bool {
        self.cutting
    }

    /// Whether it is weaker than a hash of this cost.
    pub(crate) fn is_weaker_than(&self, cost: u32) -> bool {
        self.cost < cost
    }

    /// Does the rounds that this hash lacks of one of today's cost: 2^s + 2^s + 2^(s+1) + … + 2^(c-1) = 2^c.
    pub(crate) fn make_up(&self, today: u32, password: &[u8], salt: &Salt) -> Result<(), HashError> {
        (self.cost..today).try_for_each(|cost| hash(cost, password, salt).map(drop))
    }
}

/// Whether bcrypt takes the password whole. The key is the password and a NUL, repeated: with a NUL inside,
/// `a` and `a\0a` would be the same password.
pub(crate) fn takes(password: &[u8]) -> bool {
    password.len() <= MAX_BYTES && !password.contains(&0)
}

/// Hashes what `takes` takes; the rest of a longer password is left out, which only a decoy may do.
pub(crate) fn hash(cost: u32, password: &[u8], salt: &Salt) -> Result<String, HashError> {
    #[cfg(test)]
    crate::ledger::enter("bcrypt", 1 << cost);
    let parts = ::bcrypt::hash_with_salt(password, cost, *salt).map_err(fault)?;
    Ok(parts.format_for_version(Version::TwoB))
}

fn fault(error: ::bcrypt::BcryptError) -> HashError {
    HashError::Fault(format!("bcrypt: {error}"))
}
