//! The operating system's randomness and clock.

use kayan_ports::{Clock, Entropy, Timestamp};
use rand::{Rng as _, rand_core::UnwrapErr, rngs::SysRng};

/// The operating system's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    /// Fills `bytes` from the operating system. Panics if it fails, as no other source is safe.
    fn fill(&self, bytes: &mut [u8]) {
        // Straight from the kernel rather than from a generator in this process, which a fork would duplicate.
        UnwrapErr(SysRng).fill_bytes(bytes);
    }
}

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "this is the Clock port's adapter")]
        let now = Timestamp::now_utc();
        now.truncate_to_microsecond()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_fills_every_byte_and_never_repeats() {
        let (mut first, mut second) = ([0; 64], [0; 64]);
        OsEntropy.fill(&mut first);
        OsEntropy.fill(&mut second);
        assert_ne!(first, second);
        // Eight zeroes in a row at the end: one chance in 2^64.
        assert_ne!(first[56..], [0; 8]);
    }

    #[test]
    fn the_time_is_utc_and_cut_to_microseconds() {
        for _ in 0..100 {
            let now = SystemClock.now();
            assert_eq!(now.nanosecond() % 1000, 0);
            assert!(now.offset().is_utc());
        }
    }
}
