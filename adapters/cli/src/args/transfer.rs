//! The arguments of importing and exporting users.

use std::path::PathBuf;

use kayan_ports::{State, TenantId};

use super::{Format, state};

/// The arguments of an import. The help describes the format of a line.
#[derive(clap::Args)]
pub(crate) struct Import {
    /// The file, a user as JSON on each line; - for standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The tenant to import into; by default, the one that each line names, or `default`
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<TenantId>,
    /// Only report what would be imported; change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Accept hashes that cost more than four times a hash made here, or more than 64 MiB of memory
    #[arg(long)]
    pub(crate) allow_costly: bool,
    /// Write the result of each line to this file, as a JSON object per line, instead of standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// The report: a table of the lines that were not imported, or JSON for every line
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

/// The long help of an import.
pub(crate) const ABOUT_IMPORT: &str = "\
Import users from another system, with their password hashes

Each line of the file is a user as JSON; `kayan admin user export` writes such a file:

  {\"traits\": {\"email\": \"ada@example.com\"}, \"password_hash\": \"$2b$12$...\"}

  traits         the attributes that the identity schema allows; the only required member
  password_hash  bcrypt ($2a$, $2b$, $2y$), argon2 and scrypt (PHC), PBKDF2 with SHA-256 or SHA-512
                 (PHC, passlib's $pbkdf2-sha256$..., Django's pbkdf2_sha256$...), with salts up to 64 bytes;
                 replaced by a new hash at the first login. bcrypt uses only the first 72 bytes of a password:
                 such a hash is verified in the same way until then, and the report says so. A hash that costs more
                 than four times a hash made here needs --allow-costly; the limits are then bcrypt 15, argon2 with
                 1 GiB, 10 passes or 16 lanes, scrypt with N = 131072, r = 8 or p = 10, PBKDF2 with 10 million rounds
  state          active (the default), inactive, locked or pending
  verified       the identifiers that are verified addresses
  roles          the names of roles
  id, tenant_id, created_at, last_login_at
                 as in the other system; times as in RFC 3339

A line that can't be imported is reported with its number, the import continues, and the exit code is 1. A user who exists
already is reported as `exists` and not changed, so the same file can be imported again after an interruption.";

/// The arguments of an export.
#[derive(clap::Args)]
pub(crate) struct Export {
    /// Only users of this tenant
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<TenantId>,
    /// Only users in this state: active, inactive, locked or pending
    #[arg(long, value_name = "STATE", value_parser = state)]
    pub(crate) state: Option<State>,
    /// The file to write, replaced only when the export is complete; standard output by default
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Include the password hashes: protect the file like the passwords themselves
    #[arg(long)]
    pub(crate) with_hashes: bool,
}
