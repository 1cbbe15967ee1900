//! Seals: how events become bytes, bytes a tree, and a tree a signed link of a chain.
//!
//! Everything here is a function of what it is given, so that a bundle can be checked without a service.

mod chain;
mod encoding;
mod signature;
mod tree;

pub(crate) use self::chain::purged_before;
pub use self::{
    chain::{Chain, Finding, Head, Present, TrailReport, What},
    encoding::{ENTRY, Entry, Fields},
    signature::{SealKey, from_text, hash, is_signed, to_text},
    tree::root,
};

use kayan_ports::{Position, Seal, TrailEvent, timestamp};

/// The hash that the first seal of a chain links to.
pub const BEGINNING: [u8; 32] = [0; 32];

/// The seal that comes after `before` and covers these events, which must not be none.
pub fn make(
    before: Option<&Seal>,
    events: &[TrailEvent],
    sealed_at: kayan_ports::Timestamp,
    key: &SealKey,
) -> Option<Seal> {
    let last = events.last()?;
    let mut entries = Vec::with_capacity(events.len() * ENTRY);
    for event in events {
        Entry::of(&Fields::of(event)).write(&mut entries);
    }
    let mut seal = Seal {
        tenant: last.tenant.clone(),
        number: before.map_or(1, |before| before.number + 1),
        last: Position { at: last.created_at, id: last.id },
        root: root(&entries),
        entries,
        previous: before.map_or(BEGINNING, hash),
        sealed_at,
        public_key: key.public(),
        signature: Vec::new(),
    };
    seal.signature = key.sign(&signature::message(&seal));
    Some(seal)
}

/// What can be said about a seal by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// Its hash, which the next one links to.
    pub hash: [u8; 32],
    /// What is wrong with it.
    pub problem: Option<What>,
}

/// Looks at a seal by itself: whether its key has signed it and its entries have its root, in order, up to its end.
/// This is nearly all of the work that a seal makes.
pub fn inspect(seal: &Seal) -> Inspected {
    let problem = if !is_signed(seal) {
        Some(What::BadSignature)
    } else if root(&seal.entries) == seal.root && is_in_order(seal) {
        None
    } else {
        Some(What::BadEntries)
    };
    Inspected { hash: hash(seal), problem }
}

fn is_in_order(seal: &Seal) -> bool {
    let entries = Entry::all(&seal.entries);
    let ends = entries.last().is_some_and(|last| last.place() == (timestamp::micros(seal.last.at), seal.last.id.0));
    let whole = seal.entries.len() == entries.len() * ENTRY;
    ends && whole && entries.is_sorted_by(|one, next| one.place() < next.place())
}

#[cfg(test)]
mod tests;
