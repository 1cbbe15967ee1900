//! bcrypt (Provos and Mazières 1999), the modular crypt format `$2b$`.

use std::{ops::RangeInclusive, str::FromStr as _};

use ::bcrypt::{HashParts, Version};
use kayan_ports::{HashError, PasswordHash};

use crate::{cost::Cost, formats::Salt};

/// The costs that bcrypt supports.
pub(crate) const COSTS: RangeInclusive<u32> = 4..=31;

/// The longest password of bcrypt; at 72 bytes it leaves out the NUL that ends shorter passwords.
pub(crate) const MAX_BYTES: usize = 72;

/// The highest cost of an imported hash (I-42): about two seconds. Without a limit, a hostile hash of cost 31 would
/// hold a thread for a day.
const BEARABLE: u32 = 15;

/// A hash to compare with.
pub(crate) struct Stored<'a> {
    cost: u32,
    encoded: &'a str,
    /// Whether only the first 72 bytes of a password count, as in the system that made the hash.
    cutting: bool,
}

impl<'a> Stored<'a> {
    /// Parses `$2a$`, `$2b$` and `$2y$`, which are the same algorithm, up to the highest cost or `own`, the cost of new
    /// hashes. `$2x$` is another one: it has the sign extension bug of `crypt_blowfish`.
    pub(crate) fn parse(hash: &'a PasswordHash, own: u32) -> Option<Self> {
        let (encoded, cutting) = (hash.as_made(), hash.is_cutting());
        let known = ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| encoded.starts_with(prefix));
        let cost = HashParts::from_str(encoded).ok()?.get_cost();
        (known && COSTS.contains(&cost) && cost <= BEARABLE.max(own)).then_some(Self { cost, encoded, cutting })
    }

    /// Whether this is the password's hash. If bcrypt would truncate the password and the hash is not marked as
    /// truncating, it does the same work and never matches.
    pub(crate) fn matches(&self, password: &[u8]) -> Result<bool, HashError> {
        #[cfg(test)]
        crate::ledger::enter("bcrypt", 1 << self.cost);
        // The crate truncates at 72 bytes and compares in constant time.
        let taken = if self.cutting { !password.contains(&0) } else { takes(password) };
        ::bcrypt::verify(password, self.encoded).map(|same| same & taken).map_err(fault)
    }

    /// The cost of comparing.
    pub(crate) fn cost(&self) -> Cost {
        Cost::bcrypt(self.cost)
    }

    /// Whether it matches more passwords than one, and should be replaced.
    pub(crate) fn is_cutting(&self) -> bool {
        self.cutting
    }

    /// Whether it is weaker than a hash of this cost.
    pub(crate) fn is_weaker_than(&self, cost: u32) -> bool {
        self.cost < cost
    }

    /// Does the rounds that this hash lacks compared with today's cost: 2^s + 2^s + 2^(s+1) + … + 2^(c-1) = 2^c.
    pub(crate) fn make_up(&self, today: u32, password: &[u8], salt: &Salt) -> Result<(), HashError> {
        (self.cost..today).try_for_each(|cost| hash(cost, password, salt).map(drop))
    }
}

/// Whether bcrypt can hash the whole password. The key is the password and a NUL, repeated: with a NUL inside, `a` and
/// `a\0a` would be the same password.
pub(crate) fn takes(password: &[u8]) -> bool {
    password.len() <= MAX_BYTES && !password.contains(&0)
}

/// Hashes a password that `takes` accepts; only a decoy may truncate a longer one.
pub(crate) fn hash(cost: u32, password: &[u8], salt: &Salt) -> Result<String, HashError> {
    #[cfg(test)]
    crate::ledger::enter("bcrypt", 1 << cost);
    let parts = ::bcrypt::hash_with_salt(password, cost, *salt).map_err(fault)?;
    Ok(parts.format_for_version(Version::TwoB))
}

fn fault(error: ::bcrypt::BcryptError) -> HashError {
    HashError::Fault(format!("bcrypt: {error}"))
}
