//! The command line.

mod admin;
mod audit;
mod backup;
mod tokens;
pub(crate) mod transfer;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub(crate) use admin::{RoleAction, SessionsAction, TenantAction};
pub(crate) use audit::{Audit, Verify, Which, Written};
pub(crate) use backup::Backup;
pub(crate) use tokens::Token;

/// Identity and access in one binary.
///
/// Settings come from the environment (KAYAN_*); `kayan config check` shows every one.
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
    /// Bring the database's schema up to date, or look at it
    Migrate {
        #[command(subcommand)]
        action: Migrate,
    },
    /// Administer users, roles, tenants and sessions on the configured database, without a running service
    Admin {
        #[command(subcommand)]
        noun: Admin,
    },
    /// Show, take out, purge, seal or check the audit trail of the configured database, without a running service
    Audit {
        #[command(subcommand)]
        action: Audit,
    },
    /// Write all that the database holds to a file, check such a file, put it into a database of any kind
    Backup {
        #[command(subcommand)]
        action: Backup,
    },
    /// Print the OpenAPI document
    Openapi {
        /// The document's form
        #[arg(long, value_enum, default_value_t = DocumentFormat::Json)]
        format: DocumentFormat,
    },
    /// Look at the settings
    Config {
        #[command(subcommand)]
        action: ConfigAction,
    },
    /// Look for what goes wrong in practice, and say what to do about it; changes nothing
    #[command(long_about = ABOUT_DOCTOR)]
    Doctor(Doctor),
    /// Ask the service on this machine whether it is ready: exit 0 when it is
    Healthcheck {
        /// What to ask; without it, /health/ready at the configured host and port
        #[arg(long, value_name = "URL")]
        url: Option<url::Url>,
    },
    /// Print the completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the version and the databases that are compiled in
    Version,
}

const ABOUT_DOCTOR: &str = "\
Look for what goes wrong in practice, and say what to do about it; changes nothing

Looks at the settings, secrets, files, the database, migrations, clocks, Redis, the cost of a hash and the seals of the
audit trail. Whatever does not answer is given up after a few seconds.

Exit codes: 0 when nothing failed (warnings are allowed), 78 when a setting can't be used, else 3 when pending migrations
are all that failed, else 1.";

/// What `doctor` is told.
#[derive(clap::Args)]
pub(crate) struct Doctor {
    /// How many processes serve at once: their connections together must be fewer than the database's
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) replicas: u32,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Subcommand)]
pub(crate) enum Migrate {
    /// Apply what is pending
    Up {
        /// Exit after the migration of this number
        #[arg(long, value_name = "N")]
        to: Option<u32>,
    },
    /// Take migrations back, newest first
    Down {
        /// How many
        #[arg(long, value_name = "N", default_value_t = 1)]
        steps: u32,
    },
    /// Show every migration; exit 3 when something is pending
    Status {
        /// A table, or JSON for scripts
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Show what `up` would run, which tables it touches and who waits for it meanwhile; changes nothing
    Plan {
        /// Exit after the migration of this number
        #[arg(long, value_name = "N")]
        to: Option<u32>,
        #[command(flatten)]
        output: Output,
    },
    /// Write a new up/down pair for every dialect under migrations/
    Create {
        /// What it does: a-z, 0-9 and _
        name: String,
    },
}

#[derive(Subcommand)]
pub(crate) enum Admin {
    /// Users
    User {
        #[command(subcommand)]
        action: User,
    },
    /// Roles, and who has them
    Role {
        #[command(subcommand)]
        action: RoleAction,
    },
    /// Tenants
    Tenant {
        #[command(subcommand)]
        action: TenantAction,
    },
    /// Open sessions
    Sessions {
        #[command(subcommand)]
        action: SessionsAction,
    },
    /// Admin tokens, for the API's /admin
    Token {
        #[command(subcommand)]
        action: Token,
    },
}

#[derive(Subcommand)]
pub(crate) enum User {
    /// Make a user; without --password-stdin on a terminal, asks for the password
    Create {
        /// The e-mail address to log in with
        #[arg(long, value_name = "EMAIL")]
        email: String,
        /// The display name
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// A role, such as admin, operator or viewer; may be given more than once
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// Read the password from the first line of standard input
        #[arg(long, conflicts_with = "no_password")]
        password_stdin: bool,
        /// Give the user no password
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
        /// Only those with this text in an identifier
        #[arg(long, value_name = "TEXT")]
        query: Option<String>,
        /// Only those in this state: active, inactive, locked or pending
        #[arg(long, value_name = "STATE", value_parser = state)]
        state: Option<kayan_ports::State>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
        /// After so many
        #[arg(long, value_name = "N", default_value_t = 0)]
        offset: u64,
        /// Only in this tenant
        #[arg(long, value_name = "TENANT")]
        tenant: Option<kayan_ports::TenantId>,
        #[command(flatten)]
        output: Output,
    },
    /// Lock a user out and end every session of theirs
    Lock {
        #[command(flatten)]
        who: Who,
        /// When the user is let in again: a day that is over then, or a moment (RFC 3339)
        #[arg(long, value_name = "DATE")]
        until: Option<String>,
        /// Why, for the audit trail
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Let a user in again
    Unlock {
        #[command(flatten)]
        who: Who,
        /// Why, for the audit trail
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Remove a user with all credentials and sessions; the audit events stay
    Delete {
        #[command(flatten)]
        who: Who,
        /// Why, for the audit trail
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Bring users along from elsewhere, with the password hashes that they have there
    #[command(long_about = transfer::ABOUT_IMPORT)]
    Import(transfer::Import),
    /// Hand users out as a file that can be imported
    Export(transfer::Export),
    /// Set a user's password and end every session of theirs
    SetPassword {
        #[command(flatten)]
        who: Who,
        /// Read the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
}

/// Which user.
#[derive(clap::Args)]
pub(crate) struct Who {
    /// The user's id, or an identifier such as the e-mail address
    #[arg(long = "id", value_name = "ID")]
    pub(crate) user: String,
    /// Only in this tenant
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<kayan_ports::TenantId>,
}

/// How to show what was found or done.
#[derive(clap::Args)]
pub(crate) struct Output {
    /// A table, or JSON for scripts
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
    /// Show every setting, its value (secrets masked), where it comes from and what is wrong with it; exit 78 when something is
    Check {
        /// A table, or JSON for scripts
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
}

fn state(name: &str) -> Result<kayan_ports::State, String> {
    kayan_ports::State::from_name(name).ok_or_else(|| "write active, inactive, locked or pending".to_owned())
}
