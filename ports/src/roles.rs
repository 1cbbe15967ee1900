//! Roles: named sets of permissions.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Affected, Concerns, Failure, IdentityId, Locked, TenantId, Timestamp, Version};

/// A role defined by a tenant. The built-in ones are not stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// The tenant that defined it.
    pub tenant: TenantId,
    /// Its name within the tenant.
    pub name: String,
    /// What it is for; may be empty.
    pub description: String,
    /// The permissions it grants, as patterns.
    pub permissions: Vec<String>,
    /// The roles whose permissions it grants as well.
    pub parents: Vec<String>,
    /// When it came to be.
    #[serde(with = "crate::timestamp")]
    pub created_at: Timestamp,
    /// When it last changed.
    #[serde(with = "crate::timestamp")]
    pub updated_at: Timestamp,
    /// The version, counted up by each change.
    pub version: Version,
}

/// All role definitions of a tenant, read at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinedRoles {
    /// The roles, by name.
    pub defined: Vec<Role>,
    /// The version of the definitions as a whole, counted up by each change of any of them.
    pub version: Version,
}

/// The built-in role of administrators; the last active one of a tenant can't be removed.
pub const ADMIN: &str = "admin";

/// Reads role definitions.
///
/// An implementation must keep the guarantees of [`Store`](crate::Store).
#[async_trait]
pub trait Roles: Send + Sync {
    /// The role definitions of a tenant, by name; `None` when the tenant does not exist.
    async fn roles(&self, tenant: &TenantId) -> Result<Option<DefinedRoles>, Failure>;
}

/// A write to role definitions and assignments.
#[derive(Debug, Clone)]
pub enum RoleChange {
    /// Adds a role and counts up the version of the tenant's definitions. Guard: no role of the tenant has the name
    /// (`Unique::Role`).
    Create(Box<Role>),
    /// Replaces a role's definition and counts up the version of the tenant's definitions; `version` is the new
    /// version. Guard: the version before it is current (`Guard::Role`).
    Replace(Box<Role>),
    /// Deletes a role and counts up the version of the tenant's definitions. Guards: it is not assigned
    /// (`Guard::RoleInUse`), and `expected` is its current version (`Guard::Role`).
    Delete {
        /// The tenant.
        tenant: TenantId,
        /// Its name.
        name: String,
        /// The version that was read.
        expected: Version,
    },
    /// Sets an identity's roles. Guard: `expected` is the current version (`Guard::Identity`).
    Assign {
        /// The tenant.
        tenant: TenantId,
        /// The identity.
        identity: IdentityId,
        /// The version that was read.
        expected: Version,
        /// The names of the new roles.
        roles: Vec<String>,
        /// The time of the change.
        at: Timestamp,
    },
    /// Keeps a tenant's role definitions and assignments unchanged until the list is committed. Guard: the definitions
    /// still have this version (`Guard::Roles`).
    Pin {
        /// The tenant.
        tenant: TenantId,
        /// The version that was read.
        version: Version,
    },
    /// Changes nothing. Guard: an active identity has the role `admin` in the tenant (`Guard::LastAdmin`). Only after
    /// `Pin` does that stay true until the list is committed.
    RequireAdmin(TenantId),
}

impl RoleChange {
    pub(crate) fn locks(&self) -> Locked {
        match self {
            Self::Assign { .. } => Locked::Identity,
            Self::Create(_) | Self::Replace(_) | Self::Delete { .. } | Self::Pin { .. } | Self::RequireAdmin(_) => {
                Locked::Tenant
            }
        }
    }

    pub(crate) fn concerns(&self) -> Option<Concerns> {
        match self {
            Self::Assign { identity, .. } => Some(Concerns::access(Affected::Identity(*identity))),
            Self::Create(_) | Self::Replace(_) | Self::Delete { .. } | Self::Pin { .. } | Self::RequireAdmin(_) => None,
        }
    }
}
