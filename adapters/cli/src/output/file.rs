//! A file that is written completely or not at all, and that only its owner may read.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use crate::exit::Exit;

/// A file that is being written. If it is dropped before `keep`, the previous file stays.
#[derive(Debug)]
pub(crate) struct NewFile {
    draft: BufWriter<File>,
    /// The path of the draft and the final path; `None` for a pipe or a device.
    places: Option<(PathBuf, PathBuf)>,
}

impl NewFile {
    /// Creates a draft beside the final path.
    pub(crate) fn begin(path: &Path) -> io::Result<Self> {
        // The target of a link is replaced, not the link.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        match fs::metadata(&target) {
            Ok(found) if found.is_dir() => return Err(io::Error::from(io::ErrorKind::IsADirectory)),
            Ok(found) if !found.is_file() => {
                let draft = BufWriter::new(OpenOptions::new().write(true).open(&target)?);
                return Ok(Self { draft, places: None });
            }
            _ => {}
        }
        let draft = target.with_added_extension(format!("{}.part", std::process::id()));
        // Left by a killed process with the same id.
        drop(fs::remove_file(&draft));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        Ok(Self { draft: BufWriter::with_capacity(256 * 1024, file), places: Some((draft, target)) })
    }

    /// Creates the file that this option names.
    pub(crate) fn named_by(option: &str, path: &Path) -> Result<Self, Exit> {
        Self::begin(path).map_err(|error| cannot_write(option, path, &error))
    }

    /// Moves it to its final path once it is synced to disk.
    pub(crate) fn keep(mut self) -> io::Result<()> {
        self.draft.flush()?;
        let Some((draft, target)) = self.places.clone() else { return Ok(()) };
        self.draft.get_ref().sync_all()?;
        fs::rename(draft, &target)?;
        self.places = None;
        File::open(folder_of(&target))?.sync_all()
    }
}

/// The error for a file, named by this option, that can't be created or moved to its final path.
pub(crate) fn cannot_write(option: &str, path: &Path, error: &io::Error) -> Exit {
    Exit::failed(format!("{option}: {} can't be written: {}; name another file", path.display(), error.kind()))
}

/// The folder of a file; the working folder if its path names none.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.draft.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.draft.flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some((draft, _)) = &self.places {
            drop(fs::remove_file(draft));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use tempfile::tempdir;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn it_appears_whole_and_only_its_owner_may_read_it() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("users");
        fs::write(&path, "old").unwrap();
        let mut file = NewFile::begin(&path).unwrap();
        file.write_all(b"new").unwrap();
        file.flush().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        file.keep().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(names(folder.path()), ["users"]);
    }

    #[test]
    fn one_that_is_given_up_leaves_what_was_there() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("users");
        fs::write(&path, "old").unwrap();
        let mut file = NewFile::begin(&path).unwrap();
        file.write_all(b"new").unwrap();
        drop(file);
        assert_eq!((fs::read(&path).unwrap(), names(folder.path())), (b"old".to_vec(), vec!["users".to_owned()]));
    }

    #[test]
    fn a_link_stays_one_and_a_device_is_not_replaced() {
        let folder = tempdir().unwrap();
        let (path, link) = (folder.path().join("users"), folder.path().join("link"));
        fs::write(&path, "old").unwrap();
        symlink(&path, &link).unwrap();
        let mut file = NewFile::begin(&link).unwrap();
        file.write_all(b"new").unwrap();
        file.keep().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&path).unwrap(), b"new");
        let mut null = NewFile::begin(Path::new("/dev/null")).unwrap();
        null.write_all(b"new").unwrap();
        null.keep().unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        assert!(NewFile::begin(folder.path()).is_err());
        assert!(NewFile::begin(&folder.path().join("nowhere/users")).is_err());
    }
}
