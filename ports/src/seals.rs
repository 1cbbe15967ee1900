//! Seals over the audit trail, which prove that it was not changed since.

use async_trait::async_trait;
use uuid::Uuid;

use crate::{AuditEvent, EventId, Failure, SessionId, TenantId, Timestamp};

/// The place of an event in its tenant's trail, which is sorted by time and then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The time of the event, in whole microseconds.
    pub at: Timestamp,
    /// Its id.
    pub id: EventId,
}

/// An event exactly as stored, which is what a seal covers.
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
    /// A JSON object, as written.
    pub metadata: String,
    /// Where the request came from.
    pub ip: Option<String>,
    /// The user agent.
    pub user_agent: Option<String>,
    /// The session.
    pub session: Option<SessionId>,
    /// What was changed.
    pub resource: Option<String>,
    /// JSON, as written.
    pub old_value: Option<String>,
    /// JSON, as written.
    pub new_value: Option<String>,
    /// The risk: 0 to 100 unless the row was changed.
    pub risk: i64,
    /// The request.
    pub request_id: Option<String>,
    /// When it happened.
    pub created_at: Timestamp,
}

impl TrailEvent {
    /// Its place in the trail.
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

/// A part of a tenant's trail.
#[derive(Debug, Clone)]
pub struct Stretch {
    /// The tenant.
    pub tenant: TenantId,
    /// Only what comes after this place; `None`: from the beginning.
    pub after: Option<Position>,
    /// The last place, inclusive.
    pub until: Position,
    /// The most events to return, 1 to 10,000.
    pub limit: u32,
}

/// The tenants that have unsealed events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsealed {
    /// The tenants, each once.
    pub tenants: Vec<TenantId>,
    /// The tenants with events up to this time are listed; continue from here for the others.
    pub up_to: Timestamp,
}

/// A signed statement about a stretch of a tenant's trail at the time of sealing.
///
/// It covers all events after the previous seal, up to `last`. `kayan_core::policy::seal` defines its fields; a store
/// keeps them as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// The tenant.
    pub tenant: TenantId,
    /// Its number in the tenant's chain, from 1.
    pub number: i64,
    /// The last event that it covers.
    pub last: Position,
    /// For each event that it covers, in order: 16 bytes of id, 8 of its time (microseconds, big-endian), 32 of its
    /// digest.
    pub entries: Vec<u8>,
    /// The root of the Merkle tree over the entries (RFC 9162, section 2.1.1).
    pub root: [u8; 32],
    /// The hash of the previous seal; zeros in the first one.
    pub previous: [u8; 32],
    /// When it was sealed.
    pub sealed_at: Timestamp,
    /// The Ed25519 key that it is signed with (RFC 8032).
    pub public_key: [u8; 32],
    /// The signature; 64 bytes unless the row was changed.
    pub signature: Vec<u8>,
}

/// The lease to seal: one process holds it at a time, so that others don't repeat the work. Correctness does not depend
/// on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealing {
    /// The holder: a random number of this process.
    pub holder: Uuid,
    /// The current time: the lease is free when its last holder's has expired by now.
    pub now: Timestamp,
    /// When the lease expires; `now` gives it back.
    pub until: Timestamp,
    /// Everything up to this time is sealed in all tenants; it only moves forward.
    pub sealed_until: Timestamp,
}

/// Reads seals, and the trail as seals cover it.
///
/// An implementation must keep the guarantees of [`Store`](crate::Store).
#[async_trait]
pub trait Seals: Send + Sync {
    /// The time up to which everything is sealed in all tenants, as the last `SealChange::Lease` said.
    async fn sealed_until(&self) -> Result<Timestamp, Failure>;

    /// The tenants with events after `after` and up to `until`, or only those up to `up_to` when there are many.
    /// Searches by time, so that idle tenants cost nothing.
    async fn unsealed(&self, after: Timestamp, until: Timestamp) -> Result<Unsealed, Failure>;

    /// The seal with the highest number.
    async fn last_seal(&self, tenant: &TenantId) -> Result<Option<Seal>, Failure>;

    /// The seals with a higher number than `after`, in order; at most `limit`, 1 to 100.
    async fn seals(&self, tenant: &TenantId, after: i64, limit: u32) -> Result<Vec<Seal>, Failure>;

    /// The events of a stretch as stored, in order. `Fault` when a row is so damaged that it can't be an event.
    async fn trail(&self, stretch: &Stretch) -> Result<Vec<TrailEvent>, Failure>;

    /// The next tenant after this one, by name, that has events or seals, even if the tenant no longer exists.
    async fn next_trail(&self, after: Option<&TenantId>) -> Result<Option<TenantId>, Failure>;
}

/// A write to seals. None of them locks rows that others wait for.
#[derive(Debug, Clone)]
pub enum SealChange {
    /// Adds a seal to its tenant's chain. Guard: the chain has none with this number (`Unique::Seal`), so that it never
    /// forks.
    Add(Box<Seal>),
    /// Takes, extends or gives back the lease to seal. Guard: no other process holds it (`Guard::Sealing`).
    Lease(Sealing),
}
