//! `kayan backup`: writes everything in a database to a file, verifies such a file, restores it into a database of any kind.

mod create;
mod key;
mod restore;

use std::{
    fs::File,
    io::{self, BufReader},
    path::Path,
};

use indicatif::{ProgressBar, ProgressBarIter};
use kayan_backup::{Contents, Header, ReadError};
use kayan_ports::{terminal, timestamp};
use serde::Serialize;

use crate::{
    args::{Backup, Format},
    config::secret::Secret,
    exit::Exit,
    output,
};

/// Runs the subcommand.
pub(crate) fn run(action: Backup) -> Result<(), Exit> {
    match action {
        Backup::Create { output, key, format } => {
            let key = key::given(key.path.as_deref())?;
            super::block_on(create::run(&output, key.as_ref(), format.format))
        }
        Backup::Verify { file, key, format } => verify(&file, key::given(key.path.as_deref())?.as_ref(), format.format),
        Backup::Restore { file, key, keep_sessions, format } => {
            let key = key::given(key.path.as_deref())?;
            super::block_on(restore::run(&file, key.as_ref(), keep_sessions, format.format))
        }
    }
}

fn verify(path: &Path, key: Option<&Secret>, format: Format) -> Result<(), Exit> {
    let file = Opened::open(path, 1)?;
    let contents = kayan_backup::verify(file.input(), key).map_err(|error| unreadable(path, &error))?;
    file.bar.finish_and_clear();
    show(&contents, format)
}

/// An open file with a progress bar, to be read more than once: it stays the same file even if its name is given to another.
struct Opened {
    file: File,
    bar: ProgressBar,
}

impl Opened {
    /// Opens it, to be read this many times.
    fn open(path: &Path, times: u64) -> Result<Self, Exit> {
        let cannot = |error: io::Error| unreadable(path, &error.into());
        let file = File::open(path).map_err(cannot)?;
        let data = file.metadata().map_err(cannot)?;
        if data.is_dir() {
            return Err(cannot(io::Error::from(io::ErrorKind::IsADirectory)));
        }
        Ok(Self { file, bar: output::progress(Some(times * data.len())) })
    }

    /// Reads on from the current position.
    fn input(&self) -> BufReader<ProgressBarIter<&File>> {
        BufReader::with_capacity(256 * 1024, self.bar.wrap_read(&self.file))
    }
}

/// What is wrong with a file, and what to do about it where options are the answer.
fn unreadable(path: &Path, error: &ReadError) -> Exit {
    let hint = match error {
        ReadError::NoKey => ": name the file with its key with --key-file, or set KAYAN_BACKUP_KEY to the key",
        ReadError::NotEncrypted => {
            ": anyone who could write the file could have written anything into it; leave out --key-file and \
             KAYAN_BACKUP_KEY if that is what you want"
        }
        _ => "",
    };
    Exit::failed(format!("{}: {error}{hint}", path.display()))
}

#[derive(Serialize)]
struct Shown<'s> {
    schema_version: u32,
    kayan: &'s str,
    created_at: String,
    database: &'s str,
    encrypted: bool,
    tables: serde_json::Map<String, serde_json::Value>,
    sha256: String,
}

/// Prints what a file holds.
fn show(Contents { header, summary }: &Contents, format: Format) -> Result<(), Exit> {
    let created_at = timestamp::text(header.created_at);
    let Header { schema_version, kayan, database, encryption, .. } = header;
    match format {
        Format::Json => output::json(&Shown {
            schema_version: *schema_version,
            kayan,
            created_at,
            database,
            encrypted: encryption.is_some(),
            tables: summary.counts.iter().map(|(name, count)| (name.clone(), (*count).into())).collect(),
            sha256: summary.digest.to_string(),
        }),
        Format::Table => {
            let rows = summary.counts.iter().map(|(name, count)| vec![name.clone(), count.to_string()]);
            output::table(&["table", "rows"], rows.collect())?;
            let sealed = if encryption.is_some() { "encrypted" } else { "not encrypted" };
            let (kayan, database) = (terminal::one_line(kayan), terminal::one_line(database));
            output::line(&format!(
                "taken at {created_at} from {database} by kayan {kayan}, schema version {schema_version}, {sealed}\n\
                 sha256 {}",
                summary.digest
            ))
        }
    }
}
