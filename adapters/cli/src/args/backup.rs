//! The command line of `kayan backup`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Output;

#[derive(Subcommand)]
pub(crate) enum Backup {
    /// Write all that the configured database holds, as of one moment, to a file that any of the databases takes
    Create {
        /// The file, which is replaced only by a whole backup
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
        #[command(flatten)]
        key: KeyFile,
        #[command(flatten)]
        format: Output,
    },
    /// Read a backup to its end and say what is in it, or what is wrong with it; needs no database
    Verify {
        /// The backup
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        key: KeyFile,
        #[command(flatten)]
        format: Output,
    },
    /// Put a backup into the configured database, which must be empty and not in use
    #[command(long_about = ABOUT_RESTORE)]
    Restore {
        /// The backup
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        key: KeyFile,
        /// Keep sessions and admin tokens: for a move to another database, with the service stopped since the backup
        #[arg(long)]
        keep_sessions: bool,
        #[command(flatten)]
        format: Output,
    },
}

/// With what a backup is sealed.
#[derive(Args)]
pub(crate) struct KeyFile {
    /// The file with the key, 32 bytes or more: raw, base64 or hex; without it, `KAYAN_BACKUP_KEY` holds the key, if there is one
    #[arg(long = "key-file", value_name = "FILE")]
    pub(crate) path: Option<PathBuf>,
}

const ABOUT_RESTORE: &str = "\
Put a backup into the configured database, which must be empty and not in use

The whole file is checked before anything is written, and all of it is written in one transaction: a restore that fails or is
killed has left nothing, and can be done again. The schema is made or brought up to date.

Sessions and admin tokens of the time of the backup don't come to life again, as they may have been revoked since; with
--keep-sessions they do. What is sealed in the database stays so: the service needs the KAYAN_DATA_KEY, or where there was none
the KAYAN_SESSION_SECRET, that it had.";
