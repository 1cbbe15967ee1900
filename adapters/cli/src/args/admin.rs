//! The command line of `kayan admin` beside users: roles, tenants and sessions.

use clap::Subcommand;
use kayan_ports::TenantId;
use uuid::Uuid;

use super::{Output, Who};

#[derive(Subcommand)]
pub(crate) enum RoleAction {
    /// Create a role
    Create {
        /// The name of the role: a-z, 0-9, '-' and '_'
        #[arg(long, value_name = "NAME")]
        name: String,
        /// The permissions to grant, such as users:read,orders:*; separated by commas, or repeated
        #[arg(long, value_name = "PATTERNS", value_delimiter = ',')]
        permissions: Vec<String>,
        /// The roles to inherit from; separated by commas, or repeated
        #[arg(long, value_name = "ROLES", value_delimiter = ',')]
        parents: Vec<String>,
        /// A description
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// The tenant
        #[arg(long, value_name = "TENANT", default_value = "default")]
        tenant: TenantId,
        #[command(flatten)]
        output: Output,
    },
    /// List the roles of a tenant, built-in ones first
    List {
        /// The tenant
        #[arg(long, value_name = "TENANT", default_value = "default")]
        tenant: TenantId,
        #[command(flatten)]
        output: Output,
    },
    /// Delete a role that no user has
    Delete {
        /// The name of the role
        #[arg(long, value_name = "NAME")]
        name: String,
        /// The tenant
        #[arg(long, value_name = "TENANT", default_value = "default")]
        tenant: TenantId,
    },
    /// Grant a role to a user
    Grant {
        /// The role's name
        #[arg(long, value_name = "ROLE")]
        role: String,
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        output: Output,
    },
    /// Revoke a role from a user
    Revoke {
        /// The role's name
        #[arg(long, value_name = "ROLE")]
        role: String,
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Subcommand)]
pub(crate) enum TenantAction {
    /// Create a tenant
    Create {
        /// The id of the tenant: 1 to 63 of a-z, 0-9, '-' and '_'
        #[arg(long, value_name = "ID")]
        id: TenantId,
        /// The display name
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// The settings of the tenant, as JSON: `{"session_ttl": 3600, "password_min_length": 12}`
        #[arg(long, value_name = "JSON")]
        settings: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// List tenants by id
    List {
        /// The maximum number of results
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
        /// The number of results to skip
        #[arg(long, value_name = "N", default_value_t = 0)]
        offset: u64,
        #[command(flatten)]
        output: Output,
    },
    /// Change a tenant's display name or settings
    Update {
        /// The id of the tenant
        #[arg(long, value_name = "ID")]
        id: TenantId,
        /// The display name
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// The settings of the tenant, as JSON; replaces all of them
        #[arg(long, value_name = "JSON")]
        settings: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Activate a tenant
    Activate {
        /// The id of the tenant
        #[arg(long, value_name = "ID")]
        id: TenantId,
        #[command(flatten)]
        output: Output,
    },
    /// Deactivate a tenant and revoke all of its sessions
    Deactivate {
        /// The id of the tenant
        #[arg(long, value_name = "ID")]
        id: TenantId,
        #[command(flatten)]
        output: Output,
    },
    /// Delete a tenant that has no users
    Delete {
        /// The id of the tenant
        #[arg(long, value_name = "ID")]
        id: TenantId,
    },
}

#[derive(Subcommand)]
pub(crate) enum SessionsAction {
    /// List active sessions, newest first
    List {
        /// Only sessions of this user: an id, or an identifier such as the e-mail address
        #[arg(long, value_name = "USER")]
        user: Option<String>,
        /// Only in this tenant
        #[arg(long, value_name = "TENANT")]
        tenant: Option<TenantId>,
        /// The maximum number of results
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
        /// The number of results to skip
        #[arg(long, value_name = "N", default_value_t = 0)]
        offset: u64,
        #[command(flatten)]
        output: Output,
    },
    /// Revoke a session
    Revoke {
        /// The id of the session
        #[arg(long, value_name = "ID")]
        id: Uuid,
        /// The reason, for the audit trail
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Revoke all sessions, or those of a tenant or a user; prints their number
    RevokeAll {
        /// Only sessions of this tenant
        #[arg(long, value_name = "TENANT")]
        tenant: Option<TenantId>,
        /// Only sessions of this user: an id, or an identifier such as the e-mail address
        #[arg(long, value_name = "USER")]
        user: Option<String>,
        /// The reason, for the audit trail
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
}
