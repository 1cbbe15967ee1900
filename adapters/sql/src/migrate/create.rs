//! Writes the files of a new migration.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{MigrateError, header};
use crate::Dialect;

/// Writes an up/down pair for every dialect under `root` (the folder `migrations`), with the next number that no dialect has,
/// and answers the files: a header to be filled in, and no statement. Overwrites nothing.
pub fn create(root: &Path, name: &str) -> Result<Vec<PathBuf>, MigrateError> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if name.is_empty() || name.len() > 60 || !name.bytes().all(plain) {
        return Err(MigrateError::BadName { name: name.to_owned() });
    }
    let mut newest = 0;
    for dialect in Dialect::ALL {
        newest = newest.max(newest_in(&root.join(dialect.folder()))?);
    }
    let version = newest + 1;
    let mut written = Vec::with_capacity(6);
    for dialect in Dialect::ALL {
        let folder = root.join(dialect.folder());
        fs::create_dir_all(&folder).map_err(|why| MigrateError::Write { path: folder.clone(), why })?;
        for (direction, purpose) in [("up", "What this changes, and why."), ("down", "Takes that back.")] {
            let path = folder.join(format!("{version:04}_{name}.{direction}.sql"));
            let text = format!("{}-- {purpose}\n", header::skeleton(dialect, direction == "up"));
            write_new(&path, &text).map_err(|why| MigrateError::Write { path: path.clone(), why })?;
            written.push(path);
        }
    }
    Ok(written)
}

fn newest_in(folder: &Path) -> Result<u32, MigrateError> {
    let failed = |why| MigrateError::Write { path: folder.to_owned(), why };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(why) => return Err(failed(why)),
    };
    let mut newest = 0;
    for entry in entries {
        let file = entry.map_err(failed)?.file_name();
        let number = file.to_str().and_then(|file| file.split_once('_')).and_then(|(number, _)| number.parse().ok());
        newest = newest.max(number.unwrap_or(0));
    }
    Ok(newest)
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    File::create_new(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_migration_is_a_pair_for_every_dialect_with_the_next_free_number() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("sqlite")).unwrap();
        fs::write(root.path().join("sqlite/0007_old.up.sql"), "SELECT 1").unwrap();
        let written = create(root.path(), "add_phone").unwrap();
        let names: Vec<_> = written.iter().map(|p| p.strip_prefix(root.path()).unwrap().to_str().unwrap()).collect();
        assert_eq!(
            names,
            [
                "sqlite/0008_add_phone.up.sql",
                "sqlite/0008_add_phone.down.sql",
                "postgres/0008_add_phone.up.sql",
                "postgres/0008_add_phone.down.sql",
                "mysql/0008_add_phone.up.sql",
                "mysql/0008_add_phone.down.sql",
            ]
        );
        assert!(written.iter().all(|path| path.is_file()));
        let text = |file: &str| fs::read_to_string(root.path().join(file)).unwrap();
        assert!(text("postgres/0008_add_phone.up.sql").starts_with("-- locks: TABLE KIND\n"), "a header to fill in");
        assert!(text("sqlite/0008_add_phone.down.sql").starts_with("-- locks: database RESERVED\n"));
        let next = create(root.path(), "add_phone").unwrap();
        assert!(next[0].ends_with("0009_add_phone.up.sql"), "the same name again gets files of its own");
    }

    #[test]
    fn a_migration_file_is_never_overwritten() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("0001_a.up.sql");
        fs::write(&path, "precious").unwrap();
        assert_eq!(write_new(&path, "new").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn a_migration_name_that_could_leave_the_folder_or_break_a_file_name_is_refused() {
        let root = tempfile::tempdir().unwrap();
        for name in ["", "../evil", "Add", "a b", "a.up", "ä", &"x".repeat(61)] {
            assert!(matches!(create(root.path(), name), Err(MigrateError::BadName { .. })), "{name:?}");
        }
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
        assert!(create(root.path(), &"x".repeat(60)).is_ok());
    }
}
