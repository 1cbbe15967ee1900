//! The audit trail: its events, and how they are read.

use async_trait::async_trait;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Client, EventId, Failure, IdentityId, Scope, SessionId, TenantId, Timestamp, timestamp};

macro_rules! event_types {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// The closed list of event types.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventType {
            $($(#[$doc])* $variant,)+
        }

        impl EventType {
            /// Every type there is.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name in the audit log, as in `auth.login.failure`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

event_types! {
    /// Somebody logged in.
    LoginSuccess = "auth.login.success",
    /// Somebody did not prove who they are.
    LoginFailure = "auth.login.failure",
    /// A proven account that may not come in, or too many wrong guesses at one.
    LoginBlocked = "auth.login.blocked",
    /// Somebody logged out.
    Logout = "auth.logout",
    /// A session was opened.
    SessionCreated = "auth.session.created",
    /// A session got new tokens.
    SessionRefreshed = "auth.session.refreshed",
    /// One or more sessions were revoked.
    SessionRevoked = "auth.session.revoked",
    /// A spent refresh token came back: the family was revoked.
    RefreshReused = "auth.refresh.reused",
    /// A password was changed.
    PasswordChanged = "auth.password.changed",
    /// An identity was made.
    IdentityCreated = "identity.created",
    /// An identity's traits were changed.
    IdentityUpdated = "identity.updated",
    /// An identity was removed.
    IdentityDeleted = "identity.deleted",
    /// An identity's data was handed out to itself.
    IdentityExported = "identity.exported",
    /// Somebody asked more often than they may.
    RateLimited = "security.rate_limited",
    /// An administrator did something.
    AdminAction = "admin.action",
    /// Events of this tenant were removed because of their age: all that happened `before`, `count` of them.
    AuditPurged = "audit.purged",
    /// The database was put back to what a backup holds: that of `taken_at`, whose digest is `sha256`.
    BackupRestored = "backup.restored",
}

impl EventType {
    /// The type of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }
}

/// Whether what was tried came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It did.
    Success,
    /// It did not.
    Failure,
}

impl Outcome {
    /// The name in the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }

    /// The outcome of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Success, Self::Failure].into_iter().find(|outcome| outcome.as_str() == name)
    }
}

/// One event of the audit trail.
///
/// **Invariant**: it is written in the transaction of the change it tells of (I-33), and no field holds a secret, a
/// token, a hash or a password (I-36).
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEvent {
    /// Its id.
    pub id: EventId,
    /// The tenant it happened in.
    pub tenant: TenantId,
    /// What happened.
    pub kind: EventType,
    /// Whether it came about.
    pub outcome: Outcome,
    /// Who did it: an identity's id, `cli`, or nothing when it is not known.
    pub actor: Option<String>,
    /// To whom it was done: an identity's id.
    pub subject: Option<String>,
    /// One sentence for people.
    pub message: String,
    /// More, by event type.
    pub metadata: Map<String, Value>,
    /// Where the request came from.
    pub client: Client,
    /// The session it was done in or to.
    pub session: Option<SessionId>,
    /// What was changed, as in `session/0190…`.
    pub resource: Option<String>,
    /// The value before, secrets left out.
    pub old_value: Option<Value>,
    /// The value after, secrets left out.
    pub new_value: Option<Value>,
    /// How alarming it is, 0 to 100.
    pub risk: u8,
    /// The request it belongs to.
    pub request_id: Option<String>,
    /// When.
    pub created_at: Timestamp,
}

impl Serialize for AuditEvent {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut out = serializer.serialize_struct("AuditEvent", 17)?;
        out.serialize_field("id", &self.id)?;
        out.serialize_field("type", self.kind.as_str())?;
        out.serialize_field("tenant_id", &self.tenant)?;
        out.serialize_field("actor", &self.actor)?;
        out.serialize_field("subject", &self.subject)?;
        out.serialize_field("status", self.outcome.as_str())?;
        out.serialize_field("message", &self.message)?;
        out.serialize_field("metadata", &self.metadata)?;
        out.serialize_field("ip_address", &self.client.ip)?;
        out.serialize_field("user_agent", &self.client.user_agent)?;
        out.serialize_field("session_id", &self.session)?;
        out.serialize_field("resource", &self.resource)?;
        out.serialize_field("old_value", &self.old_value)?;
        out.serialize_field("new_value", &self.new_value)?;
        out.serialize_field("risk_score", &self.risk)?;
        out.serialize_field("request_id", &self.request_id)?;
        out.serialize_field("created_at", &timestamp::text(self.created_at))?;
        out.end()
    }
}

/// In which order events are read. Events of one moment stand in the order of their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventOrder {
    /// Forward in time.
    OldestFirst,
    /// Back in time.
    NewestFirst,
}

/// Which events to read. What is `None`, and an empty list, is no condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventQuery {
    /// What may be seen.
    pub scope: Scope,
    /// In which order.
    pub order: EventOrder,
    /// Only of one of these types.
    pub types: Vec<EventType>,
    /// Only those that this one did: an identity's id, or a name such as `cli`.
    pub actor: Option<String>,
    /// Only those done to this identity.
    pub subject: Option<String>,
    /// Only those that came out so.
    pub outcome: Option<Outcome>,
    /// Only those from this address, written as the trail has it.
    pub ip: Option<String>,
    /// Only from then on, inclusive.
    pub start: Option<Timestamp>,
    /// Only until then, exclusive.
    pub end: Option<Timestamp>,
}

impl EventQuery {
    /// Every event of the scope, oldest first.
    pub fn all(scope: Scope) -> Self {
        Self {
            scope,
            order: EventOrder::OldestFirst,
            types: Vec::new(),
            actor: None,
            subject: None,
            outcome: None,
            ip: None,
            start: None,
            end: None,
        }
    }

    /// Whether the event is one of those asked for.
    pub fn takes(&self, event: &AuditEvent) -> bool {
        let is = |wanted: &Option<String>, has: &Option<String>| wanted.is_none() || wanted == has;
        self.scope.tenant().is_none_or(|tenant| *tenant == event.tenant)
            && (self.types.is_empty() || self.types.contains(&event.kind))
            && is(&self.actor, &event.actor)
            && is(&self.subject, &event.subject)
            && is(&self.ip, &event.client.ip)
            && self.outcome.is_none_or(|outcome| outcome == event.outcome)
            && self.start.is_none_or(|start| event.created_at >= start)
            && self.end.is_none_or(|end| event.created_at < end)
    }
}

/// A place in the trail: that of one event, whether or not it is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventCursor {
    /// When the event happened.
    pub at: Timestamp,
    /// Its id.
    pub id: EventId,
}

impl From<&AuditEvent> for EventCursor {
    fn from(event: &AuditEvent) -> Self {
        Self { at: event.created_at, id: event.id }
    }
}

/// A stretch of the trail.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPage {
    /// The events of it that were asked for; there may be none.
    pub events: Vec<AuditEvent>,
    /// Where to go on; nothing: there is no more.
    pub next: Option<EventCursor>,
}

/// Reads the audit trail.
///
/// An implementor keeps what [`Store`](crate::Store) promises.
#[async_trait]
pub trait AuditTrail: Send + Sync {
    /// The audit events that an identity did or that were done to it, oldest first.
    async fn events_about(&self, tenant: &TenantId, identity: IdentityId) -> Result<Vec<AuditEvent>, Failure>;

    /// Looks at the next `limit` events of the scope, actor, subject and period behind `after`, and gives those that the
    /// query takes. That costs the same however long the trail is, so there may be few of them, or none, and more to come.
    ///
    /// Pages are disjoint, and hold every event that was committed before the first of them was asked for. One that is
    /// committed later may lie before `after`, as events are dated before they are committed.
    async fn events(&self, query: &EventQuery, after: Option<EventCursor>, limit: u32) -> Result<EventPage, Failure>;

    /// How many events from before `until` there are, of each tenant that has any, in the order of their names.
    async fn count_events(&self, scope: &Scope, until: Timestamp) -> Result<Vec<(TenantId, u64)>, Failure>;
}

/// Removes audit events by their age; none is no error, and there is no guard. How much one such change removes, and so
/// how long others wait for it, is up to whoever makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurgeEvents {
    /// What may be touched.
    pub scope: Scope,
    /// Every event from before this goes.
    pub until: Timestamp,
    /// Of the whole system, a database that keeps the trail in parts (partitions) may drop every part that lies wholly
    /// before this; the others do nothing more. Not before `until`.
    pub parts_until: Timestamp,
}
