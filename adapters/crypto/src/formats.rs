//! Hashes and verifies on the calling thread, in all formats.

use kayan_ports::{AdoptError, Entropy as _, HashCost, HashError, HashFormat, PasswordHash, Verdict};
use zeroize::Zeroizing;

use crate::{OsEntropy, argon2, bcrypt, cost::Cost, pbkdf2, pool::Load, scrypt};

/// The length that all formats here use for new salts.
pub(crate) type Salt = [u8; 16];

/// The longest password for argon2 and scrypt, which have no limit of their own.
const MAX_BYTES: usize = 4096;

/// The format of new hashes, and the parsers of all others.
pub(crate) struct Formats {
    today: HashFormat,
    decoy: Salt,
}

enum Stored<'a> {
    Bcrypt(bcrypt::Stored<'a>),
    Argon2(argon2::Stored),
    Scrypt(scrypt::Stored),
    Pbkdf2(pbkdf2::Stored),
}

impl Formats {
    pub(crate) fn new(today: HashFormat) -> Self {
        Self { today, decoy: salt() }
    }

    /// The longest password that the format of new hashes accepts, in bytes.
    pub(crate) fn max_bytes(&self) -> usize {
        match self.today {
            HashFormat::Bcrypt { .. } => bcrypt::MAX_BYTES,
            HashFormat::Argon2id | HashFormat::Scrypt => MAX_BYTES,
        }
    }

    /// Refuses a password that the format of new hashes would truncate (I-17). Computes nothing.
    pub(crate) fn check(&self, password: &[u8]) -> Result<(), HashError> {
        let max_bytes = self.max_bytes();
        if password.len() > max_bytes {
            return Err(HashError::TooLong { max_bytes });
        }
        // bcrypt would end the password at it, and scrypt can't distinguish it from its padding.
        if !matches!(self.today, HashFormat::Argon2id) && password.contains(&0) {
            return Err(HashError::Fault(
                "the password contains a NUL character, which this format does not support".into(),
            ));
        }
        Ok(())
    }

    /// The form in which an imported hash is stored. A bcrypt hash may come from a system that truncates passwords.
    pub(crate) fn adopt(&self, hash: &PasswordHash, most: HashCost) -> Result<PasswordHash, AdoptError> {
        // Only this service sets a mark.
        let stored = self.parse(hash).filter(|_| !hash.is_cutting()).ok_or(AdoptError::Unknown)?;
        if self.class(&stored) > most {
            return Err(AdoptError::Costly);
        }
        Ok(if let Stored::Bcrypt(_) = stored { PasswordHash::cutting(hash.expose()) } else { hash.clone() })
    }

    /// What a new hash takes.
    pub(crate) fn load(&self) -> Load {
        Load { memory: self.cost().memory, costly: false }
    }

    /// What comparing with this hash takes, including the additional work for cheaper ones.
    pub(crate) fn load_of(&self, against: Option<&PasswordHash>) -> Load {
        let own = self.load();
        let Some(stored) = against.and_then(|hash| self.parse(hash)) else { return own };
        Load { memory: own.memory.max(stored.cost().memory), costly: self.class(&stored) == HashCost::Costly }
    }

    fn class(&self, stored: &Stored<'_>) -> HashCost {
        if stored.cost().is_costly_beside(self.cost()) { HashCost::Costly } else { HashCost::Ordinary }
    }

    /// The cost of a new hash.
    fn cost(&self) -> Cost {
        match self.today {
            HashFormat::Bcrypt { cost } => Cost::bcrypt(cost),
            HashFormat::Argon2id => argon2::COST,
            HashFormat::Scrypt => scrypt::COST,
        }
    }

    /// Hashes with a fresh salt.
    pub(crate) fn hash(&self, password: &[u8]) -> Result<String, HashError> {
        self.check(password)?;
        self.hash_with(password, &salt())
    }

    /// Compares. **Invariant** (I-08): with a wrong password this costs at least one hash of today's format, and
    /// exactly that if there is no hash, or if the hash has today's algorithm and is no stronger.
    ///
    /// So an unknown account and an unreadable hash cost one decoy; a weaker hash of today's algorithm costs itself and
    /// what it lacks. The cost of another algorithm can't be compared exactly, so it costs itself and a decoy. A hash
    /// stronger than today's costs more.
    pub(crate) fn verify(&self, against: Option<&PasswordHash>, password: &[u8]) -> Result<Verdict, HashError> {
        let Some(hash) = against else {
            return self.decoy(password).map(|()| Verdict::Mismatch);
        };
        let Some(stored) = self.parse(hash) else {
            // Logged without the hash: the column may hold anything, even a password.
            tracing::warn!("hasher.unknown_format");
            return self.decoy(password).map(|()| Verdict::Mismatch);
        };
        match (stored.matches(password)?, self.is_outdated(&stored)) {
            (true, false) => Ok(Verdict::Match),
            // A password that today's format can't take can't be hashed again.
            (true, true) if self.check(password).is_err() => Ok(Verdict::Match),
            (true, true) => Ok(Verdict::MatchOutdated),
            (false, false) => Ok(Verdict::Mismatch),
            (false, true) => self.make_up(&stored, password).map(|()| Verdict::Mismatch),
        }
    }

    fn parse<'a>(&self, hash: &'a PasswordHash) -> Option<Stored<'a>> {
        let encoded = hash.expose();
        let own = if let HashFormat::Bcrypt { cost } = self.today { cost } else { 0 };
        bcrypt::Stored::parse(hash, own)
            .map(Stored::Bcrypt)
            .or_else(|| argon2::Stored::parse(encoded).map(Stored::Argon2))
            .or_else(|| scrypt::Stored::parse(encoded).map(Stored::Scrypt))
            .or_else(|| pbkdf2::Stored::parse(encoded).map(Stored::Pbkdf2))
    }

    fn is_outdated(&self, stored: &Stored<'_>) -> bool {
        match (stored, self.today) {
            (Stored::Bcrypt(stored), HashFormat::Bcrypt { cost }) => stored.is_weaker_than(cost) || stored.is_cutting(),
            (Stored::Argon2(stored), HashFormat::Argon2id) => stored.is_weak(),
            (Stored::Scrypt(stored), HashFormat::Scrypt) => stored.is_weak(),
            _ => true,
        }
    }

    fn make_up(&self, stored: &Stored<'_>, password: &[u8]) -> Result<(), HashError> {
        match (stored, self.today) {
            (Stored::Bcrypt(stored), HashFormat::Bcrypt { cost }) => stored.make_up(cost, password, &self.decoy),
            (Stored::Argon2(stored), HashFormat::Argon2id) => stored.make_up(password, &self.decoy),
            (Stored::Scrypt(stored), HashFormat::Scrypt) => stored.make_up(password, &self.decoy),
            _ => self.decoy(password),
        }
    }

    /// One hash of today's format, only for its cost.
    fn decoy(&self, password: &[u8]) -> Result<(), HashError> {
        self.hash_with(password, &self.decoy).map(|hash| drop(Zeroizing::new(hash)))
    }

    fn hash_with(&self, password: &[u8], salt: &Salt) -> Result<String, HashError> {
        match self.today {
            HashFormat::Bcrypt { cost } => bcrypt::hash(cost, password, salt),
            HashFormat::Argon2id => argon2::hash(password, salt),
            HashFormat::Scrypt => scrypt::hash(password, salt),
        }
    }
}

impl Stored<'_> {
    fn cost(&self) -> Cost {
        match self {
            Self::Bcrypt(stored) => stored.cost(),
            Self::Argon2(stored) => stored.cost(),
            Self::Scrypt(stored) => stored.cost(),
            Self::Pbkdf2(stored) => stored.cost(),
        }
    }

    fn matches(&self, password: &[u8]) -> Result<bool, HashError> {
        match self {
            Self::Bcrypt(stored) => stored.matches(password),
            Self::Argon2(stored) => stored.matches(password),
            Self::Scrypt(stored) => stored.matches(password),
            Self::Pbkdf2(stored) => stored.matches(password),
        }
    }
}

fn salt() -> Salt {
    let mut salt = Salt::default();
    OsEntropy.fill(&mut salt);
    salt
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::ledger;

    const ALL: [HashFormat; 3] = [HashFormat::Bcrypt { cost: 8 }, HashFormat::Argon2id, HashFormat::Scrypt];

    fn verify(formats: &Formats, against: &str, password: &[u8]) -> Result<Verdict, HashError> {
        formats.verify(Some(&PasswordHash::new(against.to_owned())), password)
    }

    /// The work done by `act`, summed by algorithm.
    fn work<T>(act: impl FnOnce() -> T) -> (T, BTreeMap<&'static str, u64>) {
        ledger::take();
        let outcome = act();
        let mut sums = BTreeMap::new();
        for (algorithm, done) in ledger::take() {
            *sums.entry(algorithm).or_default() += done;
        }
        (outcome, sums)
    }

    #[test]
    fn i_08_an_absent_or_unreadable_hash_costs_exactly_one_of_todays_and_never_matches() {
        for format in ALL {
            let formats = Formats::new(format);
            let (hash, one) = work(|| formats.hash(b"secret"));
            assert!(hash.is_ok());
            assert_eq!(one.len(), 1);
            for against in [None, Some(""), Some("secret"), Some("$2x$04$"), Some("$argon2id$v=19$m=4194304,t=1,p=1")] {
                let against = against.map(|text| PasswordHash::new(text.to_owned()));
                let (verdict, done) = work(|| formats.verify(against.as_ref(), b"secret"));
                assert_eq!((verdict, done), (Ok(Verdict::Mismatch), one.clone()), "{format:?} {against:?}");
            }
            let own = formats.hash(b"other").unwrap();
            let (verdict, done) = work(|| verify(&formats, &own, b"secret"));
            assert_eq!((verdict, done), (Ok(Verdict::Mismatch), one), "{format:?}");
        }
    }

    #[test]
    fn i_08_a_weaker_hash_that_does_not_match_costs_as_much_as_one_of_todays() {
        let weaker = [
            (ALL[0], Formats::new(HashFormat::Bcrypt { cost: 5 }).hash(b"secret").unwrap()),
            (ALL[1], "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4".to_owned()),
            (
                ALL[2],
                "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI".to_owned(),
            ),
        ];
        for (format, weak) in weaker {
            let formats = Formats::new(format);
            let (_, one) = work(|| formats.hash(b"wrong"));
            let (verdict, done) = work(|| verify(&formats, &weak, b"wrong"));
            assert_eq!((verdict, done), (Ok(Verdict::Mismatch), one), "{format:?}");
        }
    }

    #[test]
    fn i_08_a_hash_of_another_algorithm_that_does_not_match_costs_one_of_todays_besides_itself() {
        let stored = Formats::new(HashFormat::Bcrypt { cost: 4 }).hash(b"secret").unwrap();
        let formats = Formats::new(HashFormat::Argon2id);
        let (verdict, done) = work(|| verify(&formats, &stored, b"wrong"));
        assert_eq!(verdict, Ok(Verdict::Mismatch));
        assert_eq!(done, BTreeMap::from([("argon2", 2 * 19 * 1024), ("bcrypt", 1 << 4)]));
    }

    #[test]
    fn a_match_costs_the_stored_hash_alone() {
        let stored = Formats::new(HashFormat::Bcrypt { cost: 4 }).hash(b"secret").unwrap();
        let (verdict, done) = work(|| verify(&Formats::new(ALL[0]), &stored, b"secret"));
        assert_eq!((verdict, done), (Ok(Verdict::MatchOutdated), BTreeMap::from([("bcrypt", 1 << 4)])));
    }

    #[test]
    fn i_17_what_bcrypt_cannot_take_whole_costs_the_same_work_and_never_matches() {
        let formats = Formats::new(ALL[0]);
        let stored = formats.hash("a".repeat(72).as_bytes()).unwrap();
        let (_, one) = work(|| formats.hash(b"secret"));
        let (verdict, done) = work(|| verify(&formats, &stored, "a".repeat(73).as_bytes()));
        assert_eq!((verdict, done), (Ok(Verdict::Mismatch), one));
    }

    #[test]
    fn i_42_comparing_takes_what_the_more_costly_of_both_hashes_takes() {
        let formats = Formats::new(HashFormat::Argon2id);
        let load = |hash: &str| formats.load_of(Some(&PasswordHash::new(hash.to_owned())));
        let bcrypt = "abcdefghijklmnopqrstuuGUnCqbfgs3htOkLrFduUjAyLBw1Rq/u";
        let digest = "c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        let (ordinary, costly) = (load(&format!("$2b$12${bcrypt}")), load(&format!("$2b$13${bcrypt}")));
        assert_eq!((ordinary.memory, ordinary.costly), (argon2::COST.memory, false));
        assert_eq!((costly.memory, costly.costly), (argon2::COST.memory, true));
        let large = load(&format!("$argon2id$v=19$m=65536,t=1,p=1${digest}"));
        assert_eq!((large.memory, large.costly), (64 << 20, false));
        assert_eq!(formats.load_of(None).memory, argon2::COST.memory);
    }

    #[test]
    fn salts_are_fresh() {
        let formats = Formats::new(HashFormat::Bcrypt { cost: 4 });
        assert_ne!(formats.hash(b"secret"), formats.hash(b"secret"));
        assert_ne!(formats.decoy, Formats::new(HashFormat::Bcrypt { cost: 4 }).decoy);
    }
}
