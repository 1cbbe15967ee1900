//! One tenant's chain of seals, checked link by link against the events that are there.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use kayan_ports::{Seal, TenantId, timestamp};
use uuid::Uuid;

use super::{BEGINNING, Inspected, encoding::Entry, to_text};

/// An event that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Present {
    /// What a seal should say about it.
    pub entry: Entry,
    /// If it says that what happened before a moment was purged: that moment, in microseconds since 1970.
    pub purged_before: Option<i64>,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The event is another than the one that was sealed.
    Edited(Uuid),
    /// The event was not there when its stretch was sealed.
    Inserted(Uuid),
    /// The event is not where it was sealed, nor near it, and no purge accounts for that.
    Removed(Uuid),
    /// The event stands elsewhere than it did when it was sealed.
    Moved(Uuid),
    /// The seal is not signed by the key that it names, or was changed since.
    BadSignature,
    /// What the seal lists is not what it signs.
    BadEntries,
    /// The seal is signed by a key that is not trusted.
    UnknownKey([u8; 32]),
    /// The seal's number is not the next one: those from here up to it are missing, or one is there twice.
    BadNumber(i64),
    /// The seal does not link to the one before it.
    Forked,
    /// The seal, or an event under it, can't be read.
    Unreadable(String),
    /// A seal of this number was known to have another hash.
    OtherHead,
    /// A seal of this number was known to be there, and the chain ends before it.
    Truncated(i64),
}

impl What {
    /// The kind of it, as one word for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Edited(_) => "edited",
            Self::Inserted(_) => "inserted",
            Self::Removed(_) => "removed",
            Self::Moved(_) => "moved",
            Self::BadSignature => "bad_signature",
            Self::BadEntries => "bad_entries",
            Self::UnknownKey(_) => "unknown_key",
            Self::BadNumber(_) => "bad_number",
            Self::Forked => "forked",
            Self::Unreadable(_) => "unreadable",
            Self::OtherHead => "other_head",
            Self::Truncated(_) => "truncated",
        }
    }

    /// The event that it is about.
    pub fn event(&self) -> Option<Uuid> {
        match self {
            Self::Edited(id) | Self::Inserted(id) | Self::Removed(id) | Self::Moved(id) => Some(*id),
            _ => None,
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edited(id) => write!(f, "event {id} was edited"),
            Self::Inserted(id) => write!(f, "event {id} was inserted"),
            Self::Removed(id) => write!(f, "event {id} was removed, or moved to another time or tenant"),
            Self::Moved(id) => write!(f, "event {id} was moved"),
            Self::BadSignature => f.write_str("its signature is wrong: it was edited, or made with another key"),
            Self::BadEntries => f.write_str("the events that it lists are not those that it was signed for"),
            Self::UnknownKey(key) => write!(f, "it is signed with a key that is not trusted: {}", to_text(key)),
            Self::BadNumber(expected) => write!(f, "seal {expected} should be here: seals were removed or renumbered"),
            Self::Forked => f.write_str("it does not follow the seal before it: one of the two was replaced"),
            Self::Unreadable(why) => write!(f, "it, or an event under it, can't be read: {why}"),
            Self::OtherHead => f.write_str("its hash is not the one that was expected: it was replaced"),
            Self::Truncated(expected) => {
                write!(f, "the chain ends here, and seal {expected} was there: it was removed")
            }
        }
    }
}

/// The first thing that is wrong with a tenant's trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Under which seal; 0: before the first.
    pub seal: i64,
    /// What.
    pub what: What,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seal {}: {}", self.seal, self.what)
    }
}

/// A seal by number and hash: who keeps the last one finds out when the end of the chain is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The number.
    pub number: i64,
    /// The hash.
    pub hash: [u8; 32],
}

/// What became of a tenant's trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailReport {
    /// Whose.
    pub tenant: TenantId,
    /// Seals that are in order.
    pub seals: u64,
    /// Events under them that are as they were sealed.
    pub events: u64,
    /// Events that were purged, and are accounted for.
    pub purged: u64,
    /// Events after the last seal, of which nothing is proven yet.
    pub unsealed: u64,
    /// When the oldest of these happened, in microseconds since 1970.
    pub unsealed_since: Option<i64>,
    /// The last seal in order.
    pub head: Option<Head>,
    /// The first thing that is wrong.
    pub finding: Option<Finding>,
}

/// Events that are missing under one seal: all from its first to this one.
struct Missing {
    seal: i64,
    count: u64,
    last: Entry,
}

/// Checks one tenant's chain. Seals are added in order, each with the events that are there behind the seal before it
/// and up to its own end; memory grows by a few bytes for each seal whose events were purged, and no more.
pub struct Chain<'a> {
    keys: &'a [[u8; 32]],
    expected: Option<Head>,
    report: TrailReport,
    /// What the next seal links to.
    hash: [u8; 32],
    end: Option<(i64, Uuid)>,
    missing: Vec<Missing>,
    purged_before: i64,
}

impl<'a> Chain<'a> {
    /// Nothing was added yet. `keys` are those that are trusted; `expected` is a seal that is known to have been there.
    pub fn new(tenant: TenantId, keys: &'a [[u8; 32]], expected: Option<Head>) -> Self {
        let report = TrailReport {
            tenant,
            seals: 0,
            events: 0,
            purged: 0,
            unsealed: 0,
            unsealed_since: None,
            head: None,
            finding: None,
        };
        Self { keys, expected, report, hash: BEGINNING, end: None, missing: Vec::new(), purged_before: i64::MIN }
    }

    /// Whose it is.
    pub fn tenant(&self) -> &TenantId {
        &self.report.tenant
    }

    /// Whether something is wrong already: what comes after that is not looked at.
    pub fn is_broken(&self) -> bool {
        self.report.finding.is_some()
    }

    /// Adds the next seal with the events that are there.
    pub fn add(&mut self, seal: &Seal, inspected: &Inspected, present: &[Present]) {
        if self.is_broken() {
            return;
        }
        let entries = Entry::all(&seal.entries);
        let checked =
            self.check_link(seal, inspected, &entries).and_then(|()| self.check_events(seal, &entries, present));
        match checked {
            Ok(()) => {
                self.report.seals += 1;
                self.report.head = Some(Head { number: seal.number, hash: inspected.hash });
                self.hash = inspected.hash;
                self.end = entries.last().map(Entry::place);
            }
            Err(what) => self.break_at(seal.number, what),
        }
    }

    /// Something can't be read.
    pub fn unreadable(&mut self, why: String) {
        let seal = self.number() + 1;
        self.break_at(seal, What::Unreadable(why));
    }

    /// Adds events from behind the last seal.
    pub fn add_unsealed(&mut self, present: &[Present]) {
        if self.is_broken() {
            return;
        }
        let before_end = |event: &&Present| self.end.is_some_and(|end| event.entry.place() <= end);
        if let Some(event) = present.iter().find(before_end) {
            let id = event.entry.id;
            return self.break_at(self.number(), What::Inserted(id));
        }
        self.report.unsealed += present.len() as u64;
        let oldest = present.iter().map(|event| event.entry.at).chain(self.report.unsealed_since).min();
        self.report.unsealed_since = oldest;
        self.note_purges(present);
    }

    /// All was added: what is still missing is to be accounted for.
    pub fn finish(mut self) -> TrailReport {
        if !self.is_broken() {
            let unaccounted = self.missing.iter().find(|missing| missing.last.at >= self.purged_before);
            if let Some(Missing { seal, last, .. }) = unaccounted {
                let (seal, id) = (*seal, last.id);
                self.break_at(seal, What::Removed(id));
            } else {
                self.report.purged = self.missing.iter().map(|missing| missing.count).sum();
            }
        }
        if let Some(expected) = self.expected.filter(|expected| !self.is_broken() && expected.number > self.number()) {
            self.break_at(self.number(), What::Truncated(expected.number));
        }
        self.report
    }

    fn number(&self) -> i64 {
        self.report.head.map_or(0, |head| head.number)
    }

    fn break_at(&mut self, seal: i64, what: What) {
        self.report.finding.get_or_insert(Finding { seal, what });
    }

    fn check_link(&self, seal: &Seal, inspected: &Inspected, entries: &[Entry]) -> Result<(), What> {
        if !self.keys.contains(&seal.public_key) {
            return Err(What::UnknownKey(seal.public_key));
        }
        if let Some(problem) = &inspected.problem {
            return Err(problem.clone());
        }
        let next = self.number() + 1;
        if seal.number != next {
            return Err(What::BadNumber(next));
        }
        if seal.previous != self.hash {
            return Err(What::Forked);
        }
        if entries.first().is_none_or(|first| self.end.is_some_and(|end| first.place() <= end)) {
            return Err(What::BadEntries);
        }
        match self.expected {
            Some(expected) if expected.number == seal.number && expected.hash != inspected.hash => Err(What::OtherHead),
            _ => Ok(()),
        }
    }

    /// A purge takes what is oldest: behind an event that is there, nothing may be missing.
    fn check_events(&mut self, seal: &Seal, entries: &[Entry], present: &[Present]) -> Result<(), What> {
        let gone = match present.first() {
            _ if self.report.events > 0 => 0,
            None => entries.len(),
            Some(first) => entries.iter().position(|entry| entry.id == first.entry.id).unwrap_or(0),
        };
        let (missing, expected) = entries.split_at(gone);
        if !same(expected, present) {
            return Err(difference(entries, gone, present));
        }
        if let Some(last) = missing.last() {
            self.missing.push(Missing { seal: seal.number, count: missing.len() as u64, last: *last });
        }
        self.report.events += present.len() as u64;
        self.note_purges(present);
        Ok(())
    }

    fn note_purges(&mut self, present: &[Present]) {
        let latest = present.iter().filter_map(|event| event.purged_before).max();
        self.purged_before = self.purged_before.max(latest.unwrap_or(i64::MIN));
    }
}

fn same(expected: &[Entry], present: &[Present]) -> bool {
    expected.len() == present.len() && expected.iter().zip(present).all(|(entry, event)| *entry == event.entry)
}

/// The first difference between what should be from `gone` on and what is there.
fn difference(entries: &[Entry], gone: usize, present: &[Present]) -> What {
    let sealed: HashMap<Uuid, &Entry> = entries.iter().map(|entry| (entry.id, entry)).collect();
    let there: HashMap<Uuid, &Entry> = present.iter().map(|event| (event.entry.id, &event.entry)).collect();
    let mut wanted = entries.get(gone..).unwrap_or_default().iter();
    let mut found = present.iter().map(|event| &event.entry);
    let mut passed = HashSet::new();
    loop {
        return match (wanted.next(), found.next()) {
            (_, Some(event)) if !passed.insert(event.id) => What::Inserted(event.id),
            (Some(entry), Some(event)) if entry == event => continue,
            (Some(entry), Some(event)) if entry.id == event.id => What::Edited(entry.id),
            (wanted, Some(event)) => match (sealed.get(&event.id), wanted.and_then(|entry| there.get(&entry.id))) {
                (None, _) => What::Inserted(event.id),
                (Some(sealed), _) if *sealed != event => What::Edited(event.id),
                (Some(_), Some(elsewhere)) if Some(*elsewhere) != wanted => What::Edited(elsewhere.id),
                (Some(_), Some(_)) => What::Moved(event.id),
                (Some(_), None) => wanted.map_or(What::Inserted(event.id), |entry| What::Removed(entry.id)),
            },
            (Some(entry), None) => What::Removed(entry.id),
            // Nothing differs: the caller has looked before.
            (None, None) => What::BadEntries,
        };
    }
}

/// The moment before which an event says that everything was purged.
pub(crate) fn purged_before(kind: &str, metadata: &str) -> Option<i64> {
    #[derive(serde::Deserialize)]
    struct Purge {
        before: String,
    }
    if kind != "audit.purged" {
        return None;
    }
    let Purge { before } = serde_json::from_str(metadata).ok()?;
    timestamp::parse(&before).map(timestamp::micros)
}
