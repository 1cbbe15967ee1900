//! Roles: names for what somebody may do.

use serde::{Deserialize, Serialize};

use crate::{TenantId, Timestamp, Version};

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
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: Timestamp,
    /// When it last changed.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: Timestamp,
    /// The number of its last change.
    pub version: Version,
}

/// All that a tenant has defined, as of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles {
    /// The roles, by name.
    pub defined: Vec<Role>,
    /// Counts the changes of any of them, so that a writer can say what it has read.
    pub version: Version,
}

/// A role somebody was given by an administrator: the one that the built-in protection of the last administrator counts.
pub const ADMIN: &str = "admin";
