//! Tenants, and what each may set for itself.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Affected, Concerns, Failure, Method, Page, TenantId, Timestamp, Version};

/// A tenant: people, roles and sessions of its own, apart from all others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Its name in requests.
    pub id: TenantId,
    /// Its name for people; may be empty.
    pub name: String,
    /// Whether anybody may come in.
    pub active: bool,
    /// What is other than the service's own settings.
    pub settings: TenantSettings,
    /// When it came to be; 1970: with the schema.
    #[serde(with = "crate::timestamp")]
    pub created_at: Timestamp,
    /// When it last changed.
    #[serde(with = "crate::timestamp")]
    pub updated_at: Timestamp,
    /// The number of its last change.
    pub version: Version,
    /// A new number for each time that all its sessions were ended; 0: never.
    pub epoch: i64,
}

/// What a tenant sets; what is left out is as the service has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantSettings {
    /// The ways to log in; none: all that the service knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub methods: Option<Vec<Method>>,
    /// How long a session token is good, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_ttl: Option<u32>,
    /// How long a refresh token is good, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_ttl: Option<u32>,
    /// How long a session can be kept alive, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_max_ttl: Option<u32>,
    /// The shortest password taken, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_min_length: Option<u16>,
    /// Whether one factor is too little to come in.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub mfa_required: bool,
    /// How often one identifier may try to log in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_limit: Option<TenantLimit>,
    /// How often one client may register.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_limit: Option<TenantLimit>,
}

/// So many requests in so much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantLimit {
    /// How many, 1 at least.
    pub requests: u32,
    /// In how many seconds, 1 at least.
    pub window: u32,
}

/// Which tenants to list.
#[derive(Debug, Clone)]
pub struct TenantQuery {
    /// Only this one.
    pub only: Option<TenantId>,
    /// At most so many, 1 to 100.
    pub limit: u32,
    /// After so many.
    pub offset: u64,
}

/// Reads tenants.
///
/// An implementor keeps what [`Store`](crate::Store) promises.
#[async_trait]
pub trait Tenants: Send + Sync {
    /// A tenant, active or not.
    async fn tenant(&self, id: &TenantId) -> Result<Option<Tenant>, Failure>;

    /// Tenants by name.
    async fn tenants(&self, query: &TenantQuery) -> Result<Page<Tenant>, Failure>;
}

/// A write to tenants.
#[derive(Debug, Clone)]
pub enum TenantChange {
    /// Adds a tenant. Guard: its name is free (`Unique::Tenant`).
    Create(Box<Tenant>),
    /// Replaces what can be changed of a tenant; `version` is the new version. Guard: the one before it is the present
    /// one (`Guard::Tenant`).
    Replace(Box<Tenant>),
    /// Removes a tenant and its roles; its audit events stay. Guards: it has no identities (`Guard::TenantInUse`), and
    /// `expected` is its present version (`Guard::Tenant`).
    Delete {
        /// Which.
        tenant: TenantId,
        /// The version that was read.
        expected: Version,
    },
}

impl TenantChange {
    /// A tenant that changes may lock out all its people; that is rare enough to name everybody.
    pub(crate) fn concerns(&self) -> Option<Concerns> {
        match self {
            Self::Replace(_) | Self::Delete { .. } => Some(Concerns::access(Affected::Everybody)),
            Self::Create(_) => None,
        }
    }
}
