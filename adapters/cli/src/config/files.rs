//! Whether a file that the service writes to can be written, checked without writing.

use std::{fs, io::ErrorKind, path::Path};

use rustix::fs::{Access, access};

use super::problem::Invalid;
use crate::output::folder_of;

/// Whether this user may write the file, or create it in its folder.
pub(crate) fn writable(path: &Path) -> Result<(), Invalid> {
    let folder = folder_of(path);
    let (place, what) = match fs::metadata(path) {
        Ok(found) if !found.is_file() => return Err(Invalid::new("is no file", "name a file")),
        Ok(_) => (path, "this user may not write it"),
        Err(why) if why.kind() != ErrorKind::NotFound => {
            return Err(Invalid::new(
                format!("can't be looked at ({why})"),
                "correct the path, or the rights on its folder",
            ));
        }
        Err(_) if !folder.is_dir() => {
            return Err(Invalid::new("its folder is not there", "make it, or correct the path"));
        }
        Err(_) => (folder, "this user may make no file in its folder"),
    };
    access(place, Access::WRITE_OK).map_err(|_| Invalid::new(what, "change the rights, or name another file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_writable_where_it_is_or_can_be_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("there.log"), "a line\n").unwrap();
        for name in ["there.log", "new.log"] {
            assert_eq!(writable(&path(name)), Ok(()), "{name}");
        }
        for (name, what) in [
            ("nowhere/new.log", "its folder is not there"),
            ("", "is no file"),
            ("there.log/new.log", "can't be looked at"),
        ] {
            let invalid = writable(&path(name)).unwrap_err();
            assert!(invalid.what.contains(what), "{name}: {invalid:?}");
        }
        assert_eq!(writable(Path::new("/dev/null")), Err(Invalid::new("is no file", "name a file")));
        assert!(
            !path("new.log").exists() && fs::read(path("there.log")).unwrap() == b"a line\n",
            "nothing was changed"
        );
    }
}
