//! The arguments of bringing users in and handing them out.

use std::path::PathBuf;

use kayan_ports::{State, TenantId};

use super::{Format, state};

/// What an import is told. Its help is where the format of a line is described.
#[derive(clap::Args)]
pub(crate) struct Import {
    /// The file, one user as JSON on each line; - for standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Into this tenant; without it into the one that each line names, or else into `default`
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<TenantId>,
    /// Change nothing, and tell what would come of it
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Take hashes that cost more than four times a hash made here, or more than 64 MiB of memory
    #[arg(long)]
    pub(crate) allow_costly: bool,
    /// Write what came of each line into this file, as JSON on a line of its own, instead of standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// What is reported: a table of the lines that were not imported, or JSON about every line
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

/// The long help of an import.
pub(crate) const ABOUT_IMPORT: &str = "\
Bring users along from elsewhere, with the password hashes that they have there

Each line of the file is a user, as JSON (what `kayan admin user export` writes is such a file):

  {\"traits\": {\"email\": \"ada@example.com\"}, \"password_hash\": \"$2b$12$...\"}

  traits         what the identity schema allows; the only member that must be there
  password_hash  bcrypt ($2a$, $2b$, $2y$), argon2 and scrypt (PHC), PBKDF2 with SHA-256 or SHA-512
                 (PHC, passlib's $pbkdf2-sha256$..., Django's pbkdf2_sha256$...), with salts up to 64 bytes;
                 made anew at the first login. bcrypt counts the first 72 bytes of a password only: such a hash is
                 verified in the same way until then, and the report says so. One that costs more than four times
                 a hash made here is refused without --allow-costly, and with it beyond bcrypt 15, argon2 with
                 1 GiB, 10 passes or 16 lanes, scrypt with N = 131072, r = 8 or p = 10, PBKDF2 with 10 million rounds
  state          active (if left out), inactive, locked or pending
  verified       addresses among the identifiers that are known to be the user's own
  roles          names of roles
  id, tenant_id, created_at, last_login_at
                 as they were; times as in RFC 3339

A line that can't be taken is reported with its number, and the rest goes on; then the exit code is 1. Who is there
already is reported as `exists` and left as they are, so the same file can be imported again after an interruption.";

/// What an export is told.
#[derive(clap::Args)]
pub(crate) struct Export {
    /// Only this tenant's
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<TenantId>,
    /// Only those in this state: active, inactive, locked or pending
    #[arg(long, value_name = "STATE", value_parser = state)]
    pub(crate) state: Option<State>,
    /// Into this file, which is replaced when all is written; without it to standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// With the hashes of the passwords: keep the file as you keep the passwords themselves
    #[arg(long)]
    pub(crate) with_hashes: bool,
}
