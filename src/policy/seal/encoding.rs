//! One event as bytes: the same for the same event, whichever database kept it, and other bytes for any other.

use kayan_ports::{TrailEvent, timestamp};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The first byte of every encoding; another layout gets another number.
const VERSION: u8 = 1;
/// The bytes of an entry.
pub const ENTRY: usize = 16 + 8 + 32;

/// An event's fields, borrowed. JSON counts as the text that it was written as, which all three databases keep: no
/// definition of equal documents is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields<'a> {
    /// Its id.
    pub id: Uuid,
    /// When, in microseconds since 1970.
    pub created_at: i64,
    /// The tenant.
    pub tenant: &'a str,
    /// The type's name.
    pub kind: &'a str,
    /// The outcome's name.
    pub outcome: &'a str,
    /// Who did it.
    pub actor: Option<&'a str>,
    /// To whom.
    pub subject: Option<&'a str>,
    /// One sentence for people.
    pub message: &'a str,
    /// JSON.
    pub metadata: &'a str,
    /// Where from.
    pub ip: Option<&'a str>,
    /// With which program.
    pub user_agent: Option<&'a str>,
    /// The session.
    pub session: Option<Uuid>,
    /// What was changed.
    pub resource: Option<&'a str>,
    /// JSON.
    pub old_value: Option<&'a str>,
    /// JSON.
    pub new_value: Option<&'a str>,
    /// How alarming.
    pub risk: i64,
    /// The request.
    pub request_id: Option<&'a str>,
}

impl<'a> Fields<'a> {
    /// Those of an event.
    pub fn of(event: &'a TrailEvent) -> Self {
        Self {
            id: event.id.0,
            created_at: timestamp::micros(event.created_at),
            tenant: event.tenant.as_str(),
            kind: &event.kind,
            outcome: &event.outcome,
            actor: event.actor.as_deref(),
            subject: event.subject.as_deref(),
            message: &event.message,
            metadata: &event.metadata,
            ip: event.ip.as_deref(),
            user_agent: event.user_agent.as_deref(),
            session: event.session.map(|id| id.0),
            resource: event.resource.as_deref(),
            old_value: event.old_value.as_deref(),
            new_value: event.new_value.as_deref(),
            risk: event.risk,
            request_id: event.request_id.as_deref(),
        }
    }

    /// The SHA-256 of the encoding: the version, then every field in a fixed order, each as 0 when it is absent, or as
    /// 1, its length in four bytes and its bytes.
    pub fn digest(&self) -> [u8; 32] {
        let mut out = Encoding(Vec::with_capacity(1 << 10));
        out.0.push(VERSION);
        out.bytes(self.id.as_bytes());
        out.bytes(self.tenant.as_bytes());
        out.bytes(self.kind.as_bytes());
        out.bytes(self.outcome.as_bytes());
        out.text(self.actor);
        out.text(self.subject);
        out.bytes(self.message.as_bytes());
        out.bytes(self.metadata.as_bytes());
        out.text(self.ip);
        out.text(self.user_agent);
        out.maybe(self.session.as_ref().map(|id| id.as_bytes().as_slice()));
        out.text(self.resource);
        out.text(self.old_value);
        out.text(self.new_value);
        out.bytes(&self.risk.to_be_bytes());
        out.text(self.request_id);
        out.bytes(&self.created_at.to_be_bytes());
        Sha256::digest(&out.0).into()
    }
}

struct Encoding(Vec<u8>);

impl Encoding {
    fn bytes(&mut self, bytes: &[u8]) {
        let [a, b, c, d] = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
        self.0.extend_from_slice(&[1, a, b, c, d]);
        self.0.extend_from_slice(bytes);
    }

    fn maybe(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            None => self.0.push(0),
            Some(bytes) => self.bytes(bytes),
        }
    }

    fn text(&mut self, text: Option<&str>) {
        self.maybe(text.map(str::as_bytes));
    }
}

/// What a seal says about one event: enough to tell which one was changed, and, once it is purged, when it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The event's id.
    pub id: Uuid,
    /// When it happened, in microseconds since 1970.
    pub at: i64,
    /// The digest of all of it.
    pub digest: [u8; 32],
}

impl Entry {
    /// That of an event.
    pub fn of(fields: &Fields<'_>) -> Self {
        Self { id: fields.id, at: fields.created_at, digest: fields.digest() }
    }

    /// Where it stands in the trail.
    pub fn place(&self) -> (i64, Uuid) {
        (self.at, self.id)
    }

    /// Its 56 bytes.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.id.as_bytes());
        out.extend_from_slice(&self.at.to_be_bytes());
        out.extend_from_slice(&self.digest);
    }

    /// All in these bytes; what is left at the end is no entry.
    pub fn all(bytes: &[u8]) -> Vec<Self> {
        bytes.chunks_exact(ENTRY).filter_map(Self::read).collect()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (id, rest) = bytes.split_first_chunk::<16>()?;
        let (at, digest) = rest.split_first_chunk::<8>()?;
        Some(Self { id: Uuid::from_bytes(*id), at: i64::from_be_bytes(*at), digest: digest.try_into().ok()? })
    }
}
