//! The command line of `kayan admin` beside users: roles, tenants and sessions.

use clap::Subcommand;
use kayan_ports::TenantId;
use uuid::Uuid;

use super::{Output, Who};

#[derive(Subcommand)]
pub(crate) enum RoleAction {
    /// Define a role
    Create {
        /// Its name: a-z, 0-9, '-' and '_'
        #[arg(long, value_name = "NAME")]
        name: String,
        /// What it grants, as in users:read,orders:*; commas, or more than once
        #[arg(long, value_name = "PATTERNS", value_delimiter = ',')]
        permissions: Vec<String>,
        /// The roles that it inherits from; commas, or more than once
        #[arg(long, value_name = "ROLES", value_delimiter = ',')]
        parents: Vec<String>,
        /// What it is for
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
    /// Remove a role that nobody has
    Delete {
        /// Its name
        #[arg(long, value_name = "NAME")]
        name: String,
        /// The tenant
        #[arg(long, value_name = "TENANT", default_value = "default")]
        tenant: TenantId,
    },
    /// Give a user a role
    Grant {
        /// The role's name
        #[arg(long, value_name = "ROLE")]
        role: String,
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        output: Output,
    },
    /// Take a role from a user
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
    /// Make a tenant
    Create {
        /// Its name in requests: 1 to 63 of a-z, 0-9, '-' and '_'
        #[arg(long, value_name = "ID")]
        id: TenantId,
        /// Its name for people
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// What it sets for itself, as JSON: `{"session_ttl": 3600, "password_min_length": 12}`
        #[arg(long, value_name = "JSON")]
        settings: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// List tenants by name
    List {
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
        /// After so many
        #[arg(long, value_name = "N", default_value_t = 0)]
        offset: u64,
        #[command(flatten)]
        output: Output,
    },
    /// Change a tenant's name for people, or what it sets for itself
    Update {
        /// Which
        #[arg(long, value_name = "ID")]
        id: TenantId,
        /// Its name for people
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// What it sets for itself, as JSON, in place of all that it has set
        #[arg(long, value_name = "JSON")]
        settings: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Let people in again
    Activate {
        /// Which
        #[arg(long, value_name = "ID")]
        id: TenantId,
        #[command(flatten)]
        output: Output,
    },
    /// Let nobody in any more, and end every session
    Deactivate {
        /// Which
        #[arg(long, value_name = "ID")]
        id: TenantId,
        #[command(flatten)]
        output: Output,
    },
    /// Remove a tenant that has no users
    Delete {
        /// Which
        #[arg(long, value_name = "ID")]
        id: TenantId,
    },
}

#[derive(Subcommand)]
pub(crate) enum SessionsAction {
    /// List open sessions, newest first
    List {
        /// Only those of this user: an id, or an identifier such as the e-mail address
        #[arg(long, value_name = "USER")]
        user: Option<String>,
        /// Only in this tenant
        #[arg(long, value_name = "TENANT")]
        tenant: Option<TenantId>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
        /// After so many
        #[arg(long, value_name = "N", default_value_t = 0)]
        offset: u64,
        #[command(flatten)]
        output: Output,
    },
    /// End one session
    Revoke {
        /// Its id
        #[arg(long, value_name = "ID")]
        id: Uuid,
        /// Why, for the audit trail
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// End every session: of all, of a tenant, or of a user; prints how many there were
    RevokeAll {
        /// Only those of this tenant
        #[arg(long, value_name = "TENANT")]
        tenant: Option<TenantId>,
        /// Only those of this user: an id, or an identifier such as the e-mail address
        #[arg(long, value_name = "USER")]
        user: Option<String>,
        /// Why, for the audit trail
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
}
