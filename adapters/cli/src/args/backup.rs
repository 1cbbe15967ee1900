//! The command line of `kayan backup`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Output;

#[derive(Subcommand)]
pub(crate) enum Backup {
    /// Write a consistent backup of the configured database, which every supported database accepts
    Create {
        /// The file to write, replaced only when the backup is complete
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
        #[command(flatten)]
        key: KeyFile,
        #[command(flatten)]
        format: Output,
    },
    /// Verify a backup and show its contents; needs no database
    Verify {
        /// The backup
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        key: KeyFile,
        #[command(flatten)]
        format: Output,
    },
    /// Restore a backup into the configured database, which must be empty and not in use
    #[command(long_about = ABOUT_RESTORE)]
    Restore {
        /// The backup
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        key: KeyFile,
        /// Keep sessions and admin tokens: to move to another database with the service stopped since the backup
        #[arg(long)]
        keep_sessions: bool,
        #[command(flatten)]
        format: Output,
    },
}

/// The key that encrypts a backup.
#[derive(Args)]
pub(crate) struct KeyFile {
    /// The file with the key, 32 bytes or more as raw bytes, base64 or hex; by default, the key is in `KAYAN_BACKUP_KEY`, if set
    #[arg(long = "key-file", value_name = "FILE")]
    pub(crate) path: Option<PathBuf>,
}

const ABOUT_RESTORE: &str = "\
Restore a backup into the configured database, which must be empty and not in use

The file is verified before anything is written, and everything is written in one transaction: a restore that fails or is
killed leaves nothing behind and can be repeated. The schema is created or migrated.

Sessions and admin tokens in the backup are ended, because they may have been revoked since; --keep-sessions keeps them. Keys
in the database stay encrypted: the service needs the same KAYAN_DATA_KEY as before or, if there was none, the same
KAYAN_SESSION_SECRET.";
