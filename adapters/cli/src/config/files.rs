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
        Ok(_) => (path, "this user has no write permission"),
        Err(why) if why.kind() != ErrorKind::NotFound => {
            return Err(Invalid::new(
                format!("can't be checked ({why})"),
                "correct the path, or the permissions of its folder",
            ));
        }
        Err(_) if !folder.is_dir() => {
            return Err(Invalid::new("its folder does not exist", "create it, or correct the path"));
        }
        Err(_) => (folder, "this user can't create files in its folder"),
    };
    access(place, Access::WRITE_OK).map_err(|_| Invalid::new(what, "change the permissions, or use another file"))
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
            ("nowhere/new.log", "its folder does not exist"),
            ("", "is no file"),
            ("there.log/new.log", "can't be checked"),
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
