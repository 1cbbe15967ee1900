//! `kayan backup`: writes all that a database holds to a file, checks such a file, puts it into a database of any kind.

mod create;
mod format;
mod key;
mod read;
mod restore;
mod values;
mod write;

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use indicatif::{ProgressBar, ProgressBarIter};
use kayan_ports::{terminal, timestamp};
use serde::Serialize;

use self::{
    format::{Damage, Header, Summary},
    read::{Item, Reader},
};
use crate::{
    args::{Backup, Format},
    config::secret::Secret,
    exit::Exit,
    output,
};

/// Does what is asked for.
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
    let mut file = Opened::open(path, 1)?;
    let (header, summary) = read_all(file.reader(key)?, |_| Ok(())).map_err(|damage| broken(path, &damage))?;
    file.bar.finish_and_clear();
    show(&header, &summary, format)
}

/// Reads a file to its end; `each` may find something wrong, too.
fn read_all<R: BufRead>(
    mut reader: Reader<R>,
    mut each: impl FnMut(&Item) -> Result<(), Damage>,
) -> Result<(Header, Summary), Damage> {
    loop {
        let item = reader.next()?;
        each(&item)?;
        if let Item::End(summary) = item {
            return Ok((reader.header().clone(), summary));
        }
    }
}

/// A file that may be read more than once: whatever becomes of its name, it stays the same one.
struct Opened<'p> {
    path: &'p Path,
    file: File,
    bar: ProgressBar,
}

impl<'p> Opened<'p> {
    /// Opens it, to be read so many times.
    fn open(path: &'p Path, times: u64) -> Result<Self, Exit> {
        let cannot = |error: io::Error| broken(path, &Damage::Unreadable(error));
        let file = File::open(path).map_err(cannot)?;
        let data = file.metadata().map_err(cannot)?;
        if data.is_dir() {
            return Err(cannot(io::Error::from(io::ErrorKind::IsADirectory)));
        }
        Ok(Self { path, file, bar: output::progress(Some(times * data.len())) })
    }

    /// What reads on from where it is.
    fn reader(&mut self, key: Option<&Secret>) -> Result<Reader<BufReader<ProgressBarIter<&File>>>, Exit> {
        let input = BufReader::with_capacity(256 * 1024, self.bar.wrap_read(&self.file));
        Reader::begin(input, key).map_err(|damage| broken(self.path, &damage))
    }
}

/// A key that is missing or does not fit is the caller's matter, everything else the file's.
fn broken(path: &Path, damage: &Damage) -> Exit {
    Exit::failed(format!("{}: {damage}", path.display()))
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
fn show(header: &Header, summary: &Summary, format: Format) -> Result<(), Exit> {
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
