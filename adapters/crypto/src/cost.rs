//! Estimates what a hash costs from its parameters, so that formats can be compared.

/// Memory in bytes, and time in nanoseconds on one core of a common server. The time is a rough estimate, and the same
/// on every machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) memory: u64,
    pub(crate) time: u64,
}

/// The memory that an imported hash may always use: 64 MiB.
const MEMORY: u64 = 64 << 20;
/// How many times the cost of a new hash an imported one may have.
const TIMES: u64 = 4;
/// The lowest cost assumed for new hashes: bcrypt at cost 10. Otherwise a service with argon2id, which takes a quarter
/// of that time, would refuse the hashes of most other systems.
const LEAST: Cost = Cost::bcrypt(10);

impl Cost {
    /// bcrypt at this cost: 2^cost rounds of 50 µs in 4 KiB.
    pub(crate) const fn bcrypt(cost: u32) -> Self {
        Self { memory: 4096, time: 50_000 << cost }
    }

    /// argon2: this many passes over this many KiB, 310 ns for each.
    pub(crate) const fn argon2(kib: u32, passes: u32) -> Self {
        Self { memory: kib as u64 * 1024, time: kib as u64 * passes as u64 * 310 }
    }

    /// scrypt: N·r blocks of 128 bytes, p times, 370 ns for each.
    pub(crate) const fn scrypt(n: u64, r: u32, p: u32) -> Self {
        let area = n * r as u64;
        Self { memory: area * 128, time: area * p as u64 * 370 }
    }

    /// PBKDF2: this many rounds, 700 ns for each.
    pub(crate) const fn pbkdf2(rounds: u64) -> Self {
        Self { memory: 0, time: rounds * 700 }
    }

    /// Whether an import over HTTP refuses it, where new hashes cost `own`.
    pub(crate) fn is_costly_beside(self, own: Self) -> bool {
        self.memory > MEMORY.max(own.memory) || self.time > TIMES * LEAST.time.max(own.time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i_42_four_times_todays_time_and_64_mib_are_not_costly() {
        let ten = Cost::bcrypt(10);
        assert!(!Cost::bcrypt(12).is_costly_beside(ten));
        assert!(Cost::bcrypt(13).is_costly_beside(ten));
        assert!(!Cost::bcrypt(14).is_costly_beside(Cost::bcrypt(12)));
        assert!(Cost::bcrypt(15).is_costly_beside(Cost::bcrypt(12)));
        assert!(!Cost::argon2(64 * 1024, 3).is_costly_beside(ten));
        assert!(Cost::argon2(64 * 1024 + 1, 1).is_costly_beside(ten));
        assert!(Cost::argon2(64 * 1024, 11).is_costly_beside(ten));
        assert!(!Cost::scrypt(1 << 16, 8, 1).is_costly_beside(ten));
        assert!(Cost::scrypt(1 << 17, 8, 1).is_costly_beside(ten), "128 MiB");
        assert!(!Cost::scrypt(1 << 17, 8, 1).is_costly_beside(Cost::scrypt(1 << 17, 8, 1)), "those made here are");
        let argon2 = crate::argon2::COST;
        assert!(!Cost::bcrypt(12).is_costly_beside(argon2), "what most have is taken by a service whose own cost less");
        assert!(Cost::bcrypt(13).is_costly_beside(argon2));
        assert!(!Cost::pbkdf2(290_000).is_costly_beside(ten));
        assert!(Cost::pbkdf2(1_000_000).is_costly_beside(ten));
    }
}
