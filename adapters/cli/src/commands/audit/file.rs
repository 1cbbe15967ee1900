//! A file that is replaced whole or not at all.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use tempfile::{Builder, NamedTempFile};

use crate::stop::Stop;

/// What is written to a file before it takes the place of the one of its name. When it is dropped before that, nothing of
/// it stays.
pub(super) struct NewFile {
    path: PathBuf,
    folder: PathBuf,
    file: NamedTempFile,
}

impl NewFile {
    /// Makes a file that `flag` names, for its owner only, in the same folder. A link is followed; a file that was there lends its rights.
    pub(super) fn create(flag: &str, path: &Path) -> Result<Self, Stop> {
        let refused = |why: &dyn std::fmt::Display| {
            Stop::failed(format!("{flag}: {} can't be written: {why}; name another file", path.display()))
        };
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let present = fs::metadata(&path).ok();
        if present.as_ref().is_some_and(|present| !present.is_file()) {
            return Err(refused(&"it is no file"));
        }
        let name = path.file_name().ok_or_else(|| refused(&"it is no file"))?.to_string_lossy().into_owned();
        let folder = match path.parent() {
            Some(folder) if folder.as_os_str().is_empty() => PathBuf::from("."),
            Some(folder) => folder.to_owned(),
            None => return Err(refused(&"it is no file")),
        };
        let made = Builder::new().prefix(&format!(".{name}.")).suffix(".part").tempfile_in(&folder);
        // Its error names the temporary file, which nobody has asked for.
        let file = made.map_err(|error| refused(&error.kind()))?;
        if let Some(present) = present {
            file.as_file().set_permissions(present.permissions()).map_err(|error| refused(&error.kind()))?;
        }
        Ok(Self { path, folder, file })
    }

    /// Puts the file in its place, once it is on the disk.
    pub(super) fn finish(self) -> io::Result<()> {
        self.file.as_file().sync_all()?;
        self.file.persist(&self.path).map_err(|error| error.error)?;
        File::open(self.folder)?.sync_all()
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_file_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_file_mut().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().to_string_lossy().into_owned();
        fs::read_dir(folder).unwrap().map(name).collect()
    }

    #[test]
    fn a_file_that_is_not_finished_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.json");
        fs::write(&path, "old").unwrap();
        let mut new = NewFile::create("--output", &path).unwrap();
        new.write_all(b"new").unwrap();
        drop(new);
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), names(folder.path()).len()), ("old", 1));
        let mut new = NewFile::create("--output", &path).unwrap();
        new.write_all(b"new").unwrap();
        new.finish().unwrap();
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), names(folder.path()).len()), ("new", 1));
    }

    #[test]
    fn what_is_no_file_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path(), Path::new("/dev/null"), &folder.path().join("nowhere/audit.json"), Path::new("/")] {
            assert!(NewFile::create("--output", path).is_err(), "{}", path.display());
        }
        assert_eq!(names(folder.path()).len(), 0);
    }

    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (link, path) = (folder.path().join("link"), folder.path().join("audit.json"));
        fs::write(&path, "old").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let mut new = NewFile::create("--output", &link).unwrap();
        new.write_all(b"new").unwrap();
        new.finish().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    }
}
