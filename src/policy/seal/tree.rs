//! The Merkle tree over a seal's entries (RFC 9162, section 2.1.1).

use sha2::{Digest, Sha256};

use super::encoding::ENTRY;

/// What a leaf's hash begins with, and what a node's: so that none can be taken for the other.
const LEAF: [u8; 1] = [0];
const NODE: [u8; 1] = [1];

/// The root over entries, one leaf each; bytes left at the end are a leaf, too. That of none is the hash of nothing.
pub fn root(entries: &[u8]) -> [u8; 32] {
    // The roots of whole subtrees, from the largest on the left to the smallest; their sizes are the bits of the count.
    let mut whole: Vec<[u8; 32]> = Vec::with_capacity(16);
    for (count, entry) in entries.chunks(ENTRY).enumerate() {
        let mut right = Sha256::new().chain_update(LEAF).chain_update(entry).finalize().into();
        for _ in 0..(!count).trailing_zeros().min(63) {
            let Some(left) = whole.pop() else { break };
            right = node(&left, &right);
        }
        whole.push(right);
    }
    whole.into_iter().rev().reduce(|right, left| node(&left, &right)).unwrap_or_else(|| Sha256::new().finalize().into())
}

fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update(NODE).chain_update(left).chain_update(right).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the RFC writes it.
    fn by_the_book(entries: &[u8]) -> [u8; 32] {
        let count = entries.len().div_ceil(ENTRY);
        if count < 2 {
            return Sha256::new().chain_update(LEAF).chain_update(entries).finalize().into();
        }
        let split = 1 << (count - 1).ilog2();
        let (left, right) = entries.split_at(split * ENTRY);
        node(&by_the_book(left), &by_the_book(right))
    }

    #[test]
    fn the_tree_is_that_of_rfc_9162() {
        for count in 1..=70_u8 {
            let entries: Vec<u8> = (0..count).flat_map(|number| [number; ENTRY]).collect();
            assert_eq!(root(&entries), by_the_book(&entries), "{count}");
        }
        assert_eq!(root(&[]), <[u8; 32]>::from(Sha256::new().finalize()));
    }

    #[test]
    fn bytes_after_the_last_entry_make_another_root() {
        let entries = [7; 2 * ENTRY];
        assert_ne!(root(&entries), root(&[entries.as_slice(), &[0]].concat()));
    }
}
