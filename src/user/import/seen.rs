//! The users of the lines of one import so far.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use super::{NewUser, Refusal};

/// How many ids and identifiers are kept at least, in about 30 MiB at most, however long the file is.
const REMEMBERED: usize = 250_000;

/// The users of the lines of one import so far; of a long file, at least the last hundred thousand lines. A duplicate
/// further apart is found in the database, as an existing user.
#[derive(Debug, Default)]
pub struct SeenUsers {
    recent: HashMap<[u8; 16], u64>,
    before: HashMap<[u8; 16], u64>,
}

impl SeenUsers {
    /// Notes a line's user, unless an earlier line had it.
    pub(super) fn admit(&mut self, line: u64, user: &NewUser) -> Result<(), Refusal> {
        let tenant = user.identity.tenant.as_str();
        let id = user.given_id.map(|_| key(&["id", &user.identity.id.to_string()]));
        let identifiers = user.identifiers.iter().map(|named| key(&["identifier", tenant, named.value.as_str()]));
        self.note(line, id.into_iter().chain(identifiers).collect())
    }

    fn note(&mut self, line: u64, keys: Vec<[u8; 16]>) -> Result<(), Refusal> {
        if let Some(line) = keys.iter().find_map(|key| self.recent.get(key).or_else(|| self.before.get(key))) {
            return Err(Refusal::Repeated { line: *line });
        }
        if self.recent.len() + keys.len() > REMEMBERED {
            self.before = std::mem::take(&mut self.recent);
        }
        self.recent.extend(keys.into_iter().map(|key| (key, line)));
        Ok(())
    }
}

/// Sixteen bytes for a text of any length; a collision can't be found in practice.
fn key(parts: &[&str]) -> [u8; 16] {
    let hash = parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part).chain_update([0]));
    let whole: [u8; 32] = hash.finalize().into();
    std::array::from_fn(|at| whole.get(at).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_the_last_lines_are_remembered() {
        let mut seen = SeenUsers::default();
        let numbered = |number: u64| key(&[&number.to_string()]);
        let lines = 5 * REMEMBERED as u64 / 2;
        for line in 0..lines {
            assert_eq!(seen.note(line, vec![numbered(line)]), Ok(()));
        }
        assert!(seen.recent.len() + seen.before.len() <= 2 * REMEMBERED);
        for line in [lines - 1, lines - REMEMBERED as u64] {
            assert_eq!(seen.note(lines, vec![numbered(line)]), Err(Refusal::Repeated { line }));
        }
    }

    #[test]
    fn parts_are_told_apart() {
        assert_ne!(key(&["ab", "c"]), key(&["a", "bc"]));
    }
}
