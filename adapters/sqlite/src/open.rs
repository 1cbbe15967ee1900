//! Opens a database file, or says what is wrong with it and leaves it as it is.

#[cfg(test)]
mod tests;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

use crate::{
    DsnError,
    dsn::{Dsn, Mode, Place},
};

/// Marks a file as Kayan's: "Kayn" in SQLite's header field for that purpose.
const APPLICATION_ID: u32 = 0x4b61_796e;

/// More than the statements there are.
const CACHED_STATEMENTS: usize = 128;

/// Why a database was not opened. Nothing in an existing file was changed. No message names the setting that holds the DSN.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The DSN is invalid.
    #[error(transparent)]
    Dsn(#[from] DsnError),
    /// There is no such file.
    #[error("there is no file {}; correct the path, or write mode=rwc to have it made", .0.display())]
    Missing(PathBuf),
    /// There is no such folder.
    #[error("there is no folder {}; make it, or correct the path", .0.display())]
    NoFolder(PathBuf),
    /// The path leads to a folder, a device or the like.
    #[error("{} is no file; name a file, such as kayan.db in that folder", .0.display())]
    NotAFile(PathBuf),
    /// The file can't be read, made or written.
    #[error(
        "{} cannot be opened: {why}; let the service's user read and write the file and its folder, or \
         name another file", path.display()
    )]
    Denied {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// Not a database, or a damaged one.
    #[error(
        "{} is damaged or no SQLite database; restore it from a backup, or name another file",
        .0.display()
    )]
    Damaged(PathBuf),
    /// Another program's database.
    #[error("{} is not a Kayan database but another program's; name another file", .0.display())]
    Foreign(PathBuf),
    /// Another process keeps it locked.
    #[error("{} is locked by another process; stop that process, or name another file", .0.display())]
    Locked(PathBuf),
    /// The file lies where a write-ahead log does not work.
    #[error(
        "{} lies on a file system without the shared memory that a write-ahead log needs; name a file on \
         a local disk", .0.display()
    )]
    NoWriteAheadLog(PathBuf),
    /// Anything else.
    #[error("{} cannot be opened: {why}", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        why: String,
    },
}

/// Opens connections to one database.
#[derive(Debug, Clone)]
pub(crate) struct Opener {
    /// Absolute, so that a later change of the working folder changes nothing; none: in memory.
    path: Option<PathBuf>,
    mode: Mode,
    busy: Duration,
}

impl Opener {
    pub(crate) fn new(dsn: &Dsn, busy: Duration) -> Result<Self, OpenError> {
        let path = match &dsn.place {
            Place::Memory => None,
            Place::File(path) => Some(std::path::absolute(path).map_err(|error| denied(path, &error))?),
        };
        Ok(Self { path, mode: dsn.mode, busy })
    }

    pub(crate) fn in_memory(&self) -> bool {
        self.path.is_none()
    }

    /// Opens the one connection that writes; makes the file where the mode says so.
    pub(crate) fn writer(&self) -> Result<Connection, OpenError> {
        let Some(path) = &self.path else {
            let opened = Connection::open_in_memory().and_then(|connection| self.prepare(connection));
            return opened.map_err(|error| explain(Path::new(":memory:"), &error));
        };
        inspect(path, self.mode)?;
        let access = match self.mode {
            Mode::ReadOnly => OpenFlags::SQLITE_OPEN_READ_ONLY,
            Mode::ReadWrite | Mode::Create => OpenFlags::SQLITE_OPEN_READ_WRITE,
        };
        let connection = self.connect(path, access).map_err(|error| explain(path, &error))?;
        adopt(&connection, path, self.mode)?;
        Ok(connection)
    }

    /// Opens one more connection that writes, for what needs no queue; call after [`Self::writer`]. Nothing for what is
    /// not to be written, or not in a file.
    pub(crate) fn second_writer(&self) -> rusqlite::Result<Option<Connection>> {
        match (&self.path, self.mode) {
            (None, _) | (_, Mode::ReadOnly) => Ok(None),
            (Some(path), Mode::ReadWrite | Mode::Create) => {
                self.connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map(Some)
            }
        }
    }

    /// Opens one more connection that only reads a file; call after [`Self::writer`].
    pub(crate) fn reader(&self) -> rusqlite::Result<Connection> {
        let path = self.path.as_deref().unwrap_or(Path::new(""));
        self.connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
    }

    fn connect(&self, path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_PRIVATE_CACHE;
        self.prepare(Connection::open_with_flags(path, flags)?)
    }

    fn prepare(&self, connection: Connection) -> rusqlite::Result<Connection> {
        connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
        connection.busy_timeout(self.busy)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        // without it, SQLite plans a cached statement anew for every parameter that its planner would like to look at
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
        // FULL: what was acknowledged is on disk. The cache is in KiB. No memory map: it would turn a disk that fails into
        // a signal that ends the process.
        connection.execute_batch(
            "PRAGMA synchronous = FULL;
             PRAGMA foreign_keys = ON;
             PRAGMA cache_size = -4096;
             PRAGMA mmap_size = 0;
             PRAGMA temp_store = MEMORY;
             PRAGMA journal_size_limit = 67108864;",
        )?;
        Ok(connection)
    }
}

/// Looks at the path and at what is there, without SQLite, which would leave its marks; makes the file where it may.
fn inspect(path: &Path, mode: Mode) -> Result<(), OpenError> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => return Err(OpenError::NotAFile(path.to_owned())),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return make(path, mode),
        Err(error) => return Err(denied(path, &error)),
    }
    let mut header = Vec::with_capacity(100);
    let read = File::open(path).and_then(|file| file.take(100).read_to_end(&mut header));
    read.map_err(|error| denied(path, &error))?;
    if header.is_empty() {
        return Ok(());
    }
    if header.len() < 100 || !header.starts_with(b"SQLite format 3\0") {
        return Err(OpenError::Damaged(path.to_owned()));
    }
    match header.get(68..72) {
        Some(id) if id == APPLICATION_ID.to_be_bytes() => Ok(()),
        // unmarked: empty, or restored from a dump, or another program's
        Some([0, 0, 0, 0]) => {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
            let connection = Connection::open_with_flags(immutable(path), flags).map_err(|e| explain(path, &e))?;
            check_owner(&connection, path)
        }
        _ => Err(OpenError::Foreign(path.to_owned())),
    }
}

/// Hashes of passwords go into it: for its owner only. SQLite gives the files beside it the same rights.
fn make(path: &Path, mode: Mode) -> Result<(), OpenError> {
    if mode != Mode::Create {
        return Err(OpenError::Missing(path.to_owned()));
    }
    check_folder(path)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        // another process has just made it
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(denied(path, &error)),
    }
}

/// Looks whether there is a file to open, or a folder to make it in; changes nothing. What is in the file, and whether a
/// file can be made, is seen when it is opened.
pub fn check(dsn: &Dsn) -> Result<(), OpenError> {
    let Place::File(path) = &dsn.place else { return Ok(()) };
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(OpenError::NotAFile(path.clone())),
        Ok(_) => {
            let opened = OpenOptions::new().read(true).write(dsn.mode != Mode::ReadOnly).open(path);
            opened.map(drop).map_err(|error| denied(path, &error))
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(denied(path, &error)),
        Err(_) if dsn.mode == Mode::Create => check_folder(path),
        Err(_) => Err(OpenError::Missing(path.clone())),
    }
}

/// A file can only be made in a folder that is there.
pub(crate) fn check_folder(path: &Path) -> Result<(), OpenError> {
    match std::path::absolute(path).map_err(|error| denied(path, &error))?.parent() {
        Some(folder) if !folder.exists() => Err(OpenError::NoFolder(folder.to_owned())),
        _ => Ok(()),
    }
}

/// An address under which SQLite takes no lock and writes nothing.
fn immutable(path: &Path) -> String {
    let path = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    format!("file:{path}?immutable=1")
}

/// A database with tables but without Kayan's bookkeeping is another program's.
fn check_owner(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let sql = "SELECT COUNT(*), COUNT(CASE WHEN name = 'schema_migrations' THEN 1 END)
               FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'";
    let counts = connection.query_row(sql, (), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)));
    match counts.map_err(|error| explain(path, &error))? {
        (1.., 0) => Err(OpenError::Foreign(path.to_owned())),
        _ => Ok(()),
    }
}

/// Marks a new database as Kayan's and gives it its write-ahead log.
fn adopt(connection: &Connection, path: &Path, mode: Mode) -> Result<(), OpenError> {
    let failed = |error: rusqlite::Error| explain(path, &error);
    check_owner(connection, path)?;
    if mode == Mode::ReadOnly {
        return Ok(());
    }
    // SQLite opens a file that it may not write for reading, without a word
    if connection.is_readonly("main").map_err(failed)? {
        return Err(OpenError::Denied { path: path.to_owned(), why: "it is read-only".to_owned() });
    }
    let id: u32 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(failed)?;
    if id != APPLICATION_ID {
        connection.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
    }
    let journal = write_ahead(connection).map_err(failed)?;
    if journal == "wal" { Ok(()) } else { Err(OpenError::NoWriteAheadLog(path.to_owned())) }
}

/// Chooses the write-ahead log and answers which journal there is now. SQLite does not wait here for another process that does
/// the same, since each holds what the other waits for; it waits for it at the beginning of a transaction.
fn write_ahead(connection: &Connection) -> rusqlite::Result<String> {
    let mut tries = 0;
    loop {
        let chosen = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0));
        tries += 1;
        match chosen {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && tries < 100 => {
                connection.execute_batch("BEGIN EXCLUSIVE; ROLLBACK")?;
            }
            other => return other,
        }
    }
}

fn denied(path: &Path, why: &io::Error) -> OpenError {
    OpenError::Denied { path: path.to_owned(), why: why.to_string() }
}

pub(crate) fn explain(path: &Path, error: &rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => OpenError::Damaged(path),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::Locked(path),
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            OpenError::Denied { path, why: "no right to read or write it, or the log beside it".to_owned() }
        }
        _ => OpenError::Failed { path, why: error.to_string() },
    }
}
