//! The audit trail: its events and how to read them.

use async_trait::async_trait;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Client, EventId, Failure, IdentityId, Scope, SessionId, TenantId, Timestamp, timestamp};

macro_rules! event_types {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// The event types; the list is closed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventType {
            $($(#[$doc])* $variant,)+
        }

        impl EventType {
            /// Every type.
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
    /// A login succeeded.
    LoginSuccess = "auth.login.success",
    /// A login failed: the identity was not proven.
    LoginFailure = "auth.login.failure",
    /// A login was refused: the account is not active, or had too many failed attempts.
    LoginBlocked = "auth.login.blocked",
    /// A user logged out.
    Logout = "auth.logout",
    /// A session was opened.
    SessionCreated = "auth.session.created",
    /// A session got new tokens.
    SessionRefreshed = "auth.session.refreshed",
    /// One or more sessions were revoked.
    SessionRevoked = "auth.session.revoked",
    /// A spent refresh token came back: the family was revoked.
    RefreshReused = "auth.refresh.reused",
    /// A login lacks a second factor, and its user was asked for one.
    MfaRequired = "auth.mfa.required",
    /// A second factor was verified.
    MfaSuccess = "auth.mfa.success",
    /// A second factor was not verified: the code was wrong, expired or used before.
    MfaFailure = "auth.mfa.failure",
    /// A second factor was enrolled, and is not confirmed yet.
    MfaEnrollmentBegun = "auth.mfa.enrollment_begun",
    /// A second factor was enrolled and confirmed.
    MfaEnrolled = "auth.mfa.enrolled",
    /// A second factor was removed.
    MfaRemoved = "auth.mfa.removed",
    /// A second factor got another name.
    MfaRenamed = "auth.mfa.renamed",
    /// The signature counter of a passkey went backwards: there may be a copy of it.
    PasskeyCounter = "auth.passkey.counter",
    /// A user logged in from a browser that is new to the account.
    DeviceAdded = "auth.device.added",
    /// A user forgot a browser.
    DeviceForgotten = "auth.device.forgotten",
    /// Recovery codes were made; those before are void.
    RecoveryCodesGenerated = "auth.mfa.recovery_codes",
    /// A password was changed.
    PasswordChanged = "auth.password.changed",
    /// A password was set by a link that was mailed.
    PasswordRecovered = "auth.password.recovered",
    /// A link that recovers a password, logs in or changes the address, or a code that logs in, was requested by mail, for an
    /// address that a user has or wants to have.
    MessageRequested = "auth.message.requested",
    /// An address was verified.
    AddressVerified = "identity.address_verified",
    /// The owner put a new e-mail address in the place of the old one, and proved it.
    AddressChanged = "identity.address_changed",
    /// The owner of the old e-mail address put it back.
    AddressReverted = "identity.address_reverted",
    /// The owner linked an account at an identity provider, or a login did whose verified address is the same.
    ProviderLinked = "identity.provider_linked",
    /// The owner removed the link to an account at an identity provider.
    ProviderUnlinked = "identity.provider_unlinked",
    /// An identity was created.
    IdentityCreated = "identity.created",
    /// An identity's traits were changed.
    IdentityUpdated = "identity.updated",
    /// An identity was deleted.
    IdentityDeleted = "identity.deleted",
    /// An identity exported its own data.
    IdentityExported = "identity.exported",
    /// A client exceeded a rate limit.
    RateLimited = "security.rate_limited",
    /// An administrator acted.
    AdminAction = "admin.action",
    /// Events of this tenant were purged by age: all from before `before`, `count` of them.
    AuditPurged = "audit.purged",
    /// The database was restored from a backup, taken at `taken_at` and with the digest `sha256`.
    BackupRestored = "backup.restored",
}

impl EventType {
    /// The type of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }
}

/// Whether the action succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It succeeded.
    Success,
    /// It failed.
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
/// **Invariant**: it is written in the transaction of the change that it records (I-33), and no field holds a secret, a
/// token, a hash or a password (I-36).
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEvent {
    /// Its id.
    pub id: EventId,
    /// The tenant it happened in.
    pub tenant: TenantId,
    /// What happened.
    pub kind: EventType,
    /// Whether it succeeded.
    pub outcome: Outcome,
    /// Who did it: an identity's id, `cli`, or `None` if unknown.
    pub actor: Option<String>,
    /// To whom it was done: an identity's id.
    pub subject: Option<String>,
    /// One sentence for readers.
    pub message: String,
    /// Further data, by event type.
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
    /// The risk, 0 to 100.
    pub risk: u8,
    /// The id of the request.
    pub request_id: Option<String>,
    /// When it happened.
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
    /// Oldest first.
    OldestFirst,
    /// Newest first.
    NewestFirst,
}

/// Which events to read. `None` and an empty list match all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventQuery {
    /// The tenant to read, or all of them.
    pub scope: Scope,
    /// The order.
    pub order: EventOrder,
    /// Only events of these types.
    pub types: Vec<EventType>,
    /// Only those by this actor: an identity's id, or a name such as `cli`.
    pub actor: Option<String>,
    /// Only those done to this identity.
    pub subject: Option<String>,
    /// Only those with this outcome.
    pub outcome: Option<Outcome>,
    /// Only those from this address, as the trail writes it.
    pub ip: Option<String>,
    /// Only those from this time on, inclusive.
    pub start: Option<Timestamp>,
    /// Only those before this time, exclusive.
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

    /// Whether the query selects the event.
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

/// A place in the trail: that of an event, which may have been purged since.
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

/// A page of the trail.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPage {
    /// The selected events of the page; may be empty.
    pub events: Vec<AuditEvent>,
    /// Where the next page starts; `None`: this is the last page.
    pub next: Option<EventCursor>,
}

/// Reads the audit trail.
///
/// An implementation must keep the guarantees of [`Store`](crate::Store).
#[async_trait]
pub trait AuditTrail: Send + Sync {
    /// The audit events by or about this identity, oldest first.
    async fn events_about(&self, tenant: &TenantId, identity: IdentityId) -> Result<Vec<AuditEvent>, Failure>;

    /// Looks at the next `limit` events after `after` of the scope, actor, subject and period, and returns those that
    /// the query selects. The cost does not depend on the length of the trail, so a page may hold few events or none
    /// and still not be the last.
    ///
    /// Pages are disjoint, and hold every event that was committed before the first page was read. An event committed
    /// later may lie before `after`, because events get their time before they are committed.
    async fn events(&self, query: &EventQuery, after: Option<EventCursor>, limit: u32) -> Result<EventPage, Failure>;

    /// The number of events before `until`, for each tenant that has any, sorted by tenant.
    async fn count_events(&self, scope: &Scope, until: Timestamp) -> Result<Vec<(TenantId, u64)>, Failure>;
}

/// Purges audit events by age; it has no guard, and matching none is no error. The caller limits how many events one
/// change removes, and so how long others wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurgeEvents {
    /// The tenant to change, or all of them.
    pub scope: Scope,
    /// Every event before this time is removed.
    pub until: Timestamp,
    /// For the whole system, a database that partitions the trail may drop every partition that lies wholly before this
    /// time; others ignore it. Not before `until`.
    pub parts_until: Timestamp,
}
