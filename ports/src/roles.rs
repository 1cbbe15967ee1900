//! Roles: names for what somebody may do.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Affected, Concerns, Failure, IdentityId, Locked, TenantId, Timestamp, Version};

/// A role that a tenant has defined. The built-in ones are in no store.
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
    /// The roles whose permissions it grants, too.
    pub parents: Vec<String>,
    /// When it came to be.
    #[serde(with = "crate::timestamp")]
    pub created_at: Timestamp,
    /// When it last changed.
    #[serde(with = "crate::timestamp")]
    pub updated_at: Timestamp,
    /// The number of its last change.
    pub version: Version,
}

/// All that a tenant has defined, as of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinedRoles {
    /// The roles, by name.
    pub defined: Vec<Role>,
    /// Counts the changes of any of them, so that a writer can say what it has read.
    pub version: Version,
}

/// A role somebody was given by an administrator: the one that the built-in protection of the last administrator counts.
pub const ADMIN: &str = "admin";

/// Reads role definitions.
///
/// An implementor keeps what [`Store`](crate::Store) promises.
#[async_trait]
pub trait Roles: Send + Sync {
    /// The roles that a tenant has defined, by name; `None` when there is no such tenant.
    async fn roles(&self, tenant: &TenantId) -> Result<Option<DefinedRoles>, Failure>;
}

/// A write to role definitions, and to who has which role.
#[derive(Debug, Clone)]
pub enum RoleChange {
    /// Adds a role and counts the change of the tenant's definitions. Guard: no role of it has the name
    /// (`Unique::Role`).
    Create(Box<Role>),
    /// Replaces a role's definition and counts the change of the tenant's definitions; `version` is the new version.
    /// Guard: the one before it is the present one (`Guard::Role`).
    Replace(Box<Role>),
    /// Removes a role and counts the change of the tenant's definitions. Guards: nobody has it (`Guard::RoleInUse`), and
    /// `expected` is its present version (`Guard::Role`).
    Delete {
        /// The tenant.
        tenant: TenantId,
        /// Its name.
        name: String,
        /// The version that was read.
        expected: Version,
    },
    /// Sets an identity's roles. Guard: `expected` is the present version (`Guard::Identity`).
    Assign {
        /// The tenant.
        tenant: TenantId,
        /// Whose.
        identity: IdentityId,
        /// The version that was read.
        expected: Version,
        /// The names of the new roles.
        roles: Vec<String>,
        /// When.
        at: Timestamp,
    },
    /// Keeps a tenant's role definitions, and who has which, as they are until the list is committed. Guard: the
    /// definitions are still of this version (`Guard::Roles`).
    Pin {
        /// The tenant.
        tenant: TenantId,
        /// The version that was read.
        version: Version,
    },
    /// Changes nothing. Guard: an active identity has the role `admin` in the tenant now (`Guard::LastAdmin`). Only with
    /// `Pin` before it is that still so when the list is committed.
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
