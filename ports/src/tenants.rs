//! Tenants and their settings.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    Affected, Channel, Concerns, Failure, JwsAlgorithm, MessageKind, Method, Page, TenantId, Timestamp, Version,
};

/// A tenant: a separate set of identities, roles and sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Its name in requests.
    pub id: TenantId,
    /// Its display name; may be empty.
    pub name: String,
    /// Whether its identities may log in and use their sessions.
    pub active: bool,
    /// Its settings.
    pub settings: TenantSettings,
    /// When it came to be; 1970: with the schema.
    #[serde(with = "crate::timestamp")]
    pub created_at: Timestamp,
    /// When it last changed.
    #[serde(with = "crate::timestamp")]
    pub updated_at: Timestamp,
    /// The version, counted up by each change.
    pub version: Version,
    /// A new random number for each time that all its sessions are revoked; 0 at first.
    pub epoch: i64,
}

/// A tenant's settings; `None` means the service's own value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantSettings {
    /// The login methods; `None`: all that the service knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub methods: Option<Vec<Method>>,
    /// The lifetime of an access token, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_ttl: Option<u32>,
    /// The lifetime of a refresh token, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_ttl: Option<u32>,
    /// The longest lifetime of a session, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_max_ttl: Option<u32>,
    /// The shortest allowed password, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_min_length: Option<u16>,
    /// The longest allowed password, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_max_length: Option<u16>,
    /// The lowest allowed score of how hard a password is to guess, 0 to 4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_min_score: Option<u8>,
    /// How many of a user's last passwords a new one must differ from, the current one included; 0: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_history: Option<u8>,
    /// Whether a new password must not be known from a breach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_breach_check: Option<bool>,
    /// After how many days a password is too old to log in with; 0: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_max_age_days: Option<u16>,
    /// Whether a login requires a second factor.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub mfa_required: bool,
    /// From when on it is required; `None`: from now on.
    #[serde(with = "crate::timestamp::option", skip_serializing_if = "Option::is_none")]
    pub mfa_required_from: Option<Timestamp>,
    /// The roles whose holders it is required of; `None`: of everyone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mfa_required_roles: Option<Vec<String>>,
    /// How codes are sent that are second factors, in the order of preference; none: in no way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mfa_code_channels: Vec<Channel>,
    /// For how many days a device can stand in for the second factor; `None`: it can't.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trusted_device_days: Option<u16>,
    /// Whether a login requires that one of the user's addresses is verified.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub verification_required: bool,
    /// Whether users can't register with, or change to, an address of a service for disposable ones.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub refuse_disposable_addresses: bool,
    /// The language of messages to users who prefer none, such as `de`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The notices that are not sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notices_off: Vec<OptionalNotice>,
    /// What always requires a proof of work; `None`: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof_of_work: Option<Vec<WorkPurpose>>,
    /// After how many failed logins of an account or of a client a login by password requires a proof of work; `None`: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof_of_work_after_failures: Option<u16>,
    /// The largest number that solves a challenge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof_of_work_difficulty: Option<u32>,
    /// The audiences that users get JWTs for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub jwt_audiences: Vec<JwtAudience>,
    /// The one of `jwt_audiences` that session JWTs are also for, with its claims; `None`: they are for the service alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_audience: Option<String>,
    /// The rate limit of logins for each identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_limit: Option<TenantLimit>,
    /// The rate limit of registrations for each client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_limit: Option<TenantLimit>,
}

/// An audience that a tenant's users get JWTs for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwtAudience {
    /// The value of `aud`.
    pub audience: String,
    /// The algorithm that its tokens are signed with; `None`: ES256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<JwsAlgorithm>,
    /// The longest lifetime of a token, in seconds; `None`: five minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u32>,
    /// Further claims, with placeholders in their texts.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub claims: Map<String, Value>,
}

/// A notice that a tenant can switch off: it reports no change of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptionalNotice {
    /// A login from a browser that is new to the account.
    NewDevice,
    /// Few recovery codes are left.
    RecoveryCodesLow,
    /// The account was locked after failed attempts.
    AccountLocked,
}

impl OptionalNotice {
    /// The message that it is.
    pub fn message(self) -> MessageKind {
        match self {
            Self::NewDevice => MessageKind::NewDevice,
            Self::RecoveryCodesLow => MessageKind::RecoveryCodesLow,
            Self::AccountLocked => MessageKind::AccountLocked,
        }
    }
}

/// What a proof of work is for: a proof for one purpose is refused for every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkPurpose {
    /// To register.
    Registration,
    /// To request a link that verifies an address, or a code that verifies a phone number.
    Verification,
    /// To request a link that sets a new password.
    Recovery,
    /// To request a link that logs in.
    MagicLink,
    /// To request a code that logs in.
    Code,
    /// To log in by password.
    Login,
}

impl WorkPurpose {
    /// Its name in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::Verification => "verification",
            Self::Recovery => "recovery",
            Self::MagicLink => "magic_link",
            Self::Code => "code",
            Self::Login => "login",
        }
    }
}

/// A number of requests in a time window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantLimit {
    /// The number of requests, 1 at least.
    pub requests: u32,
    /// The length of the window in seconds, 1 at least.
    pub window: u32,
}

/// Which tenants to list.
#[derive(Debug, Clone)]
pub struct TenantQuery {
    /// Only this one.
    pub only: Option<TenantId>,
    /// The most rows to return, 1 to 100.
    pub limit: u32,
    /// The number of rows to skip.
    pub offset: u64,
}

/// Reads tenants.
///
/// An implementation must keep the guarantees of [`Store`](crate::Store).
#[async_trait]
pub trait Tenants: Send + Sync {
    /// The tenant with this name, active or not.
    async fn tenant(&self, id: &TenantId) -> Result<Option<Tenant>, Failure>;

    /// The tenants that the query selects, by name.
    async fn tenants(&self, query: &TenantQuery) -> Result<Page<Tenant>, Failure>;
}

/// A write to tenants.
#[derive(Debug, Clone)]
pub enum TenantChange {
    /// Adds a tenant. Guard: its name is free (`Unique::Tenant`).
    Create(Box<Tenant>),
    /// Replaces the changeable parts of a tenant; `version` is the new version. Guard: the version before it is current
    /// (`Guard::Tenant`).
    Replace(Box<Tenant>),
    /// Deletes a tenant, its roles and its messages; its audit events stay. Guards: it has no identities
    /// (`Guard::TenantInUse`), and `expected` is its current version (`Guard::Tenant`).
    Delete {
        /// The tenant.
        tenant: TenantId,
        /// The version that was read.
        expected: Version,
    },
}

impl TenantChange {
    /// A change to a tenant may affect all its sessions. It is rare, so all sessions count as affected.
    pub(crate) fn concerns(&self) -> Option<Concerns> {
        match self {
            Self::Replace(_) | Self::Delete { .. } => Some(Concerns::access(Affected::All)),
            Self::Create(_) => None,
        }
    }
}
