//! `kayan backup`: writes all that a database holds to a file, checks such a file, puts it into a database of any kind.

mod create;
mod key;
mod restore;

use std::{
    fs::File,
    io::{self, BufReader},
    path::Path,
};

use indicatif::{ProgressBar, ProgressBarIter};
use kayan_backup::{Damage, Header, Reader, Summary, read_all};
use kayan_ports::terminal;
use serde::Serialize;
use time::format_description::well_known::Rfc3339;

use crate::{
    args::{Backup, Format},
    config::secret::Secret,
    output,
    stop::Stop,
};

/// Does what is asked for.
pub(crate) fn run(action: Backup) -> Result<(), Stop> {
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

fn verify(path: &Path, key: Option<&Secret>, format: Format) -> Result<(), Stop> {
    let mut file = Opened::open(path, 1)?;
    let (header, summary) = read_all(file.reader(key)?, |_| Ok(())).map_err(|damage| broken(path, &damage))?;
    file.bar.finish_and_clear();
    show(&header, &summary, format)
}

/// A file that may be read more than once: whatever becomes of its name, it stays the same one.
struct Opened<'p> {
    path: &'p Path,
    file: File,
    bar: ProgressBar,
}

impl<'p> Opened<'p> {
    /// Opens it, to be read so many times.
    fn open(path: &'p Path, times: u64) -> Result<Self, Stop> {
        let cannot = |error: io::Error| broken(path, &Damage::Unreadable(error));
        let file = File::open(path).map_err(cannot)?;
        let data = file.metadata().map_err(cannot)?;
        if data.is_dir() {
            return Err(cannot(io::Error::from(io::ErrorKind::IsADirectory)));
        }
        Ok(Self { path, file, bar: output::progress(Some(times * data.len())) })
    }

    /// What reads on from where it is.
    fn reader(&mut self, key: Option<&Secret>) -> Result<Reader<BufReader<ProgressBarIter<&File>>>, Stop> {
        let input = BufReader::with_capacity(256 * 1024, self.bar.wrap_read(&self.file));
        Reader::begin(input, key).map_err(|damage| broken(self.path, &damage))
    }
}

/// A key that is missing or does not fit is the caller's matter, everything else the file's.
fn broken(path: &Path, damage: &Damage) -> Stop {
    Stop::failed(format!("{}: {damage}", path.display()))
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

/// Says what a file holds.
fn show(header: &Header, summary: &Summary, format: Format) -> Result<(), Stop> {
    let created_at = header.created_at.format(&Rfc3339).unwrap_or_default();
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
