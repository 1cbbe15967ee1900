//! What happened: the audit trail's events.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Client, EventId, SessionId, TenantId, Timestamp};

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
        out.serialize_field("created_at", &Rfc3339(self.created_at))?;
        out.end()
    }
}

#[derive(Serialize)]
struct Rfc3339(#[serde(with = "time::serde::rfc3339")] Timestamp);
