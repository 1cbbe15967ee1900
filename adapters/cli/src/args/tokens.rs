//! The command line of admin tokens.

use std::time::Duration;

use clap::Subcommand;
use kayan_core::policy::permission::Pattern;
use kayan_ports::{AdminTokenId, TenantId};

use super::Output;
use crate::config;

#[derive(Subcommand)]
pub(crate) enum Token {
    /// Create a token and print only it: `ADMIN_TOKEN=$(kayan admin token create …)`
    Create {
        /// The permissions, such as users:read,audit:* or *
        #[arg(long, value_name = "LIST", required = true, value_delimiter = ',')]
        permissions: Vec<Pattern>,
        /// The lifetime, 1s to 8784h
        #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = config::span)]
        ttl: Duration,
        /// The tenant that the token is limited to; all tenants by default
        #[arg(long, value_name = "TENANT")]
        tenant: Option<TenantId>,
        /// The name of the token
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
    /// Read a token from standard input and print one with fewer rights; needs no database
    Attenuate {
        /// Limit the token to these permissions
        #[arg(long, value_name = "LIST", value_delimiter = ',')]
        permissions: Vec<Pattern>,
        /// Limit the lifetime to this long from now
        #[arg(long, value_name = "SPAN", value_parser = config::span)]
        ttl: Option<Duration>,
        /// Limit the token to this tenant
        #[arg(long, value_name = "TENANT")]
        tenant: Option<TenantId>,
        /// Read the token from the first line of standard input. This is always so: it is never an argument
        #[arg(long)]
        token_stdin: bool,
    },
    /// Show what the token on standard input allows, block by block
    Inspect {
        /// Read the token from the first line of standard input. This is always so: it is never an argument
        #[arg(long)]
        token_stdin: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Revoke the token on standard input, or every token with the block of an id
    Revoke {
        /// The id that `create` and `inspect` show; by default, the token is read from standard input
        #[arg(long, value_name = "ID")]
        id: Option<AdminTokenId>,
        /// The reason, for the audit trail
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Read the token from the first line of standard input. This is always so: it is never an argument
        #[arg(long, conflicts_with = "id")]
        token_stdin: bool,
    },
}
