//! The command line.

mod admin;
mod audit;
mod backup;
mod keys;
mod messages;
mod tokens;
pub(crate) mod transfer;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub(crate) use admin::{RoleAction, SessionsAction, TenantAction};
pub(crate) use audit::{Audit, Verify, Which, Written};
pub(crate) use backup::Backup;
pub(crate) use keys::KeyAction;
pub(crate) use messages::{MessageAction, WhichMessage};
pub(crate) use tokens::Token;

/// Identity and access in one binary.
///
/// Settings come from the environment (KAYAN_*); `kayan config check` shows all of them.
#[derive(Parser)]
#[command(name = "kayan", version, arg_required_else_help = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run the HTTP service; every setting is also a flag
    Serve,
    /// Migrate the database schema, or show its state
    Migrate {
        #[command(subcommand)]
        action: Migrate,
    },
    /// Administer users, roles, tenants, sessions and messages on the configured database, without a running service
    Admin {
        #[command(subcommand)]
        noun: Admin,
    },
    /// Query, export, purge, seal or verify the audit trail of the configured database, without a running service
    Audit {
        #[command(subcommand)]
        action: Audit,
    },
    /// Create, verify or restore a backup, which every supported database accepts
    Backup {
        #[command(subcommand)]
        action: Backup,
    },
    /// Print the OpenAPI document
    Openapi {
        /// The format of the document
        #[arg(long, value_enum, default_value_t = DocumentFormat::Json)]
        format: DocumentFormat,
    },
    /// Check the settings
    Config {
        #[command(subcommand)]
        action: ConfigAction,
    },
    /// Diagnose common problems and suggest fixes; changes nothing
    #[command(long_about = ABOUT_DOCTOR)]
    Doctor(Doctor),
    /// Check whether the service on this machine is ready; exit 0 if it is
    Healthcheck {
        /// The URL to request; /health/ready at the configured host and port by default
        #[arg(long, value_name = "URL")]
        url: Option<url::Url>,
    },
    /// Print the completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the version and the compiled-in backends
    Version,
}

const ABOUT_DOCTOR: &str = "\
Diagnose common problems and suggest fixes; changes nothing

Checks the settings, secrets, files, the database, migrations, clocks, Redis, the cost of a password hash and the seals of
the audit trail. A check that gets no answer times out after a few seconds.

Exit codes: 0 if no check failed (warnings are allowed), 78 if a setting is invalid, 3 if only pending migrations failed,
otherwise 1.";

/// The arguments of `doctor`.
#[derive(clap::Args)]
pub(crate) struct Doctor {
    /// The number of replicas: their connections together must stay below the database's limit
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) replicas: u32,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Subcommand)]
pub(crate) enum Migrate {
    /// Apply pending migrations
    Up {
        /// Stop after the migration with this number
        #[arg(long, value_name = "N")]
        to: Option<u32>,
    },
    /// Revert migrations, newest first
    Down {
        /// The number of migrations to revert
        #[arg(long, value_name = "N", default_value_t = 1)]
        steps: u32,
    },
    /// Show every migration; exit 3 if any is pending
    Status {
        /// The output format: a table, or JSON for scripts
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Show what `up` would run, what it locks and which requests wait for it; changes nothing
    Plan {
        /// Stop after the migration with this number
        #[arg(long, value_name = "N")]
        to: Option<u32>,
        #[command(flatten)]
        output: Output,
    },
    /// Create an up/down pair of files for every dialect under migrations/
    Create {
        /// The name of the migration: a-z, 0-9 and _
        name: String,
    },
}

#[derive(Subcommand)]
pub(crate) enum Admin {
    /// Manage users
    User {
        #[command(subcommand)]
        action: User,
    },
    /// Manage roles and grant them to users
    Role {
        #[command(subcommand)]
        action: RoleAction,
    },
    /// Manage tenants
    Tenant {
        #[command(subcommand)]
        action: TenantAction,
    },
    /// List and revoke sessions
    Sessions {
        #[command(subcommand)]
        action: SessionsAction,
    },
    /// List, retry, discard and preview messages to users, and try their delivery
    Message {
        #[command(subcommand)]
        action: MessageAction,
    },
    /// List, replace and retire the keys that sign JWTs and biscuits
    Key {
        #[command(subcommand)]
        action: KeyAction,
    },
    /// Create, attenuate, inspect and revoke admin tokens for the /admin API
    Token {
        #[command(subcommand)]
        action: Token,
    },
}

#[derive(Subcommand)]
pub(crate) enum User {
    /// Create a user; prompts for the password unless --password-stdin or --no-password is given
    Create {
        /// The e-mail address to log in with
        #[arg(long, value_name = "EMAIL")]
        email: String,
        /// The display name
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// A role, such as admin, operator or viewer; can be repeated
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// Read the password from the first line of standard input
        #[arg(long, conflicts_with = "no_password")]
        password_stdin: bool,
        /// Create the user without a password
        #[arg(long)]
        no_password: bool,
        /// The tenant
        #[arg(long, value_name = "TENANT", default_value = "default")]
        tenant: kayan_ports::TenantId,
        #[command(flatten)]
        output: Output,
    },
    /// Show a user
    Get {
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        output: Output,
    },
    /// List users, newest first
    List {
        /// Only users with this text in an identifier
        #[arg(long, value_name = "TEXT")]
        query: Option<String>,
        /// Only users in this state: active, inactive, locked or pending
        #[arg(long, value_name = "STATE", value_parser = state)]
        state: Option<kayan_ports::State>,
        /// Only users without a second factor: an authenticator app that is confirmed, or a passkey
        #[arg(long)]
        without_mfa: bool,
        /// The maximum number of users
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
        /// The number of users to skip
        #[arg(long, value_name = "N", default_value_t = 0)]
        offset: u64,
        /// Only in this tenant
        #[arg(long, value_name = "TENANT")]
        tenant: Option<kayan_ports::TenantId>,
        #[command(flatten)]
        output: Output,
    },
    /// Lock a user and revoke all of their sessions
    Lock {
        #[command(flatten)]
        who: Who,
        /// When the lock ends: at the end of a date (UTC), or at a time (RFC 3339)
        #[arg(long, value_name = "DATE")]
        until: Option<String>,
        /// The reason, for the audit trail
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Unlock a user
    Unlock {
        #[command(flatten)]
        who: Who,
        /// The reason, for the audit trail
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Delete a user with all credentials and sessions; the audit events are kept
    Delete {
        #[command(flatten)]
        who: Who,
        /// The reason, for the audit trail
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Import users from another system, with their password hashes
    #[command(long_about = transfer::ABOUT_IMPORT)]
    Import(transfer::Import),
    /// Export users to a file that can be imported
    Export(transfer::Export),
    /// Set a user's password and revoke all of their sessions
    SetPassword {
        #[command(flatten)]
        who: Who,
        /// Read the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Send a user without a password a link to log in and choose one
    Invite {
        #[command(flatten)]
        who: Who,
        /// Print the link instead of mailing it; it logs anyone in as the user
        #[arg(long)]
        print_link: bool,
    },
    /// Remove a user's second factors and revoke their sessions
    ResetMfa {
        #[command(flatten)]
        who: Who,
    },
}

/// The user that a command is about.
#[derive(clap::Args)]
pub(crate) struct Who {
    /// The user's id, or an identifier such as the e-mail address
    #[arg(long = "id", value_name = "ID")]
    pub(crate) user: String,
    /// Only in this tenant
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<kayan_ports::TenantId>,
}

/// How results are shown.
#[derive(clap::Args)]
pub(crate) struct Output {
    /// The output format: a table, or JSON for scripts
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum DocumentFormat {
    Json,
    Yaml,
}

#[derive(Subcommand)]
pub(crate) enum ConfigAction {
    /// Show every setting with its value (secrets masked), source and problem; exit 78 if any is invalid
    Check {
        /// The output format: a table, or JSON for scripts
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
}

fn state(name: &str) -> Result<kayan_ports::State, String> {
    kayan_ports::State::from_name(name).ok_or_else(|| "write active, inactive, locked or pending".to_owned())
}
