//! The command line of admin tokens.

use std::time::Duration;

use clap::Subcommand;
use kayan_core::policy::permission::Pattern;
use kayan_ports::{AdminTokenId, TenantId};

use super::Output;
use crate::config;

#[derive(Subcommand)]
pub(crate) enum Token {
    /// Make a token, and print it and nothing else: `ADMIN_TOKEN=$(kayan admin token create …)`
    Create {
        /// What it may do, as in users:read,audit:* or *
        #[arg(long, value_name = "LIST", required = true, value_delimiter = ',')]
        permissions: Vec<Pattern>,
        /// How long it lives, from 1s to 8784h
        #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = config::span)]
        ttl: Duration,
        /// The tenant that it is bound to; without it, all of them
        #[arg(long, value_name = "TENANT")]
        tenant: Option<TenantId>,
        /// What to call it, for people
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
    /// Take a token from standard input and print one that is worth less; needs no database
    Attenuate {
        /// Leave it these only, as far as it has them
        #[arg(long, value_name = "LIST", value_delimiter = ',')]
        permissions: Vec<Pattern>,
        /// Let it live only for so long from now
        #[arg(long, value_name = "SPAN", value_parser = config::span)]
        ttl: Option<Duration>,
        /// Bind it to this tenant
        #[arg(long, value_name = "TENANT")]
        tenant: Option<TenantId>,
        /// Read the token from the first line of standard input, as is done anyhow: it is never an argument
        #[arg(long)]
        token_stdin: bool,
    },
    /// Show what the token on standard input is worth, block by block
    Inspect {
        /// Read the token from the first line of standard input, as is done anyhow: it is never an argument
        #[arg(long)]
        token_stdin: bool,
        #[command(flatten)]
        output: Output,
    },
    /// End the token on standard input, or every one that has the block of an id
    Revoke {
        /// The id, as `create` and `inspect` show it; without it, the token is read from standard input
        #[arg(long, value_name = "ID")]
        id: Option<AdminTokenId>,
        /// Why, for the audit trail
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Read the token from the first line of standard input, as is done anyhow: it is never an argument
        #[arg(long, conflicts_with = "id")]
        token_stdin: bool,
    },
}
