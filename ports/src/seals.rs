//! Seals over the audit trail: what proves that nobody has changed it since.

use async_trait::async_trait;
use uuid::Uuid;

use crate::{AuditEvent, EventId, Failure, SessionId, TenantId, Timestamp};

/// Where an event stands in its tenant's trail, which is sorted by time and then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// When it happened, whole microseconds.
    pub at: Timestamp,
    /// Its id.
    pub id: EventId,
}

/// An event as it is kept, word for word: what a seal covers.
///
/// Nothing is parsed, so that a row which this program would not write can still be read, and told from one that it
/// wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailEvent {
    /// Its id.
    pub id: EventId,
    /// The tenant.
    pub tenant: TenantId,
    /// The type's name.
    pub kind: String,
    /// The outcome's name.
    pub outcome: String,
    /// Who did it.
    pub actor: Option<String>,
    /// To whom.
    pub subject: Option<String>,
    /// One sentence for people.
    pub message: String,
    /// A JSON object, the text as it was written.
    pub metadata: String,
    /// Where the request came from.
    pub ip: Option<String>,
    /// With which program.
    pub user_agent: Option<String>,
    /// The session.
    pub session: Option<SessionId>,
    /// What was changed.
    pub resource: Option<String>,
    /// JSON, the text as it was written.
    pub old_value: Option<String>,
    /// JSON, the text as it was written.
    pub new_value: Option<String>,
    /// How alarming it is; 0 to 100 unless somebody has changed it.
    pub risk: i64,
    /// The request.
    pub request_id: Option<String>,
    /// When.
    pub created_at: Timestamp,
}

impl TrailEvent {
    /// Where it stands.
    pub fn position(&self) -> Position {
        Position { at: self.created_at, id: self.id }
    }
}

impl From<&AuditEvent> for TrailEvent {
    fn from(event: &AuditEvent) -> Self {
        let json = |value: &serde_json::Value| value.to_string();
        Self {
            id: event.id,
            tenant: event.tenant.clone(),
            kind: event.kind.as_str().to_owned(),
            outcome: event.outcome.as_str().to_owned(),
            actor: event.actor.clone(),
            subject: event.subject.clone(),
            message: event.message.clone(),
            metadata: json(&serde_json::Value::Object(event.metadata.clone())),
            ip: event.client.ip.clone(),
            user_agent: event.client.user_agent.clone(),
            session: event.session,
            resource: event.resource.clone(),
            old_value: event.old_value.as_ref().map(json),
            new_value: event.new_value.as_ref().map(json),
            risk: i64::from(event.risk),
            request_id: event.request_id.clone(),
            created_at: event.created_at,
        }
    }
}

/// Part of a tenant's trail.
#[derive(Debug, Clone)]
pub struct Stretch {
    /// Whose trail.
    pub tenant: TenantId,
    /// Only what stands behind this; nothing: from its beginning.
    pub after: Option<Position>,
    /// Only up to here, this one included.
    pub until: Position,
    /// At most so many, 1 to 10,000.
    pub limit: u32,
}

/// Who has events that nothing was sealed of yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsealed {
    /// The tenants, each once.
    pub tenants: Vec<TenantId>,
    /// All who have events up to this moment are named; the rest is to be asked for from here on.
    pub up_to: Timestamp,
}

/// A signed statement that a stretch of a tenant's trail is as it was when it was sealed.
///
/// It covers all events behind the seal before it, up to `last`. What its fields must be is the business of
/// `kayan_core::policy::seal`; a store keeps them as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// Whose trail.
    pub tenant: TenantId,
    /// Counts the tenant's seals, from 1.
    pub number: i64,
    /// The last event that it covers.
    pub last: Position,
    /// For each event that it covers, in order: 16 bytes of id, 8 of its time (microseconds, big-endian), 32 of its
    /// digest.
    pub entries: Vec<u8>,
    /// The root of the Merkle tree over the entries (RFC 9162, section 2.1.1).
    pub root: [u8; 32],
    /// The hash of the seal before it; zeros in the first one.
    pub previous: [u8; 32],
    /// When it was made.
    pub sealed_at: Timestamp,
    /// The Ed25519 key that it is signed with (RFC 8032).
    pub public_key: [u8; 32],
    /// The signature; 64 bytes unless somebody has changed it.
    pub signature: Vec<u8>,
}

/// The right to seal: one process at a time has it, so that others don't do the same work for nothing. Nothing rests on
/// it but that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealing {
    /// Who has it: a number that this process has drawn.
    pub holder: Uuid,
    /// It is free when its last holder's time is over now.
    pub now: Timestamp,
    /// How long it is kept; `now` gives it back.
    pub until: Timestamp,
    /// Everything up to this moment is sealed in all tenants; it moves forward only.
    pub sealed_until: Timestamp,
}

/// Reads seals, and the trail as seals cover it.
///
/// An implementor keeps what [`Store`](crate::Store) promises.
#[async_trait]
pub trait Seals: Send + Sync {
    /// Everything up to this moment is sealed in all tenants, as the last `SealChange::Lease` said.
    async fn sealed_until(&self) -> Result<Timestamp, Failure>;

    /// The tenants of the events after `after` and not after `until`; of a part of these when they are many, as `up_to`
    /// then tells. Finds them by time: tenants in which nothing happened cost nothing.
    async fn unsealed(&self, after: Timestamp, until: Timestamp) -> Result<Unsealed, Failure>;

    /// The seal with the highest number.
    async fn last_seal(&self, tenant: &TenantId) -> Result<Option<Seal>, Failure>;

    /// The seals with a higher number than `after`, in order; at most `limit`, 1 to 100.
    async fn seals(&self, tenant: &TenantId, after: i64, limit: u32) -> Result<Vec<Seal>, Failure>;

    /// The events of a stretch as they are kept, in order. `Fault` when a row is damaged so that no event could have been
    /// written like that.
    async fn trail(&self, stretch: &Stretch) -> Result<Vec<TrailEvent>, Failure>;

    /// The next tenant after this one, by name, that has events or seals, whether or not there is such a tenant.
    async fn next_trail(&self, after: Option<&TenantId>) -> Result<Option<TenantId>, Failure>;
}

/// A write to seals. None of them locks what others wait for.
#[derive(Debug, Clone)]
pub enum SealChange {
    /// Adds a seal to its tenant's chain. Guard: there is none of that number yet (`Unique::Seal`), so that of two who
    /// go on from the same seal one wins, and a chain has no forks.
    Add(Box<Seal>),
    /// Takes, keeps or gives back the right to seal. Guard: nobody else has it (`Guard::Sealing`).
    Lease(Sealing),
}
