//! `cargo xtask disposable-domains`: the list of domains of disposable addresses, made from a published one.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use crate::{
    published::Package,
    run::{self, Failure, Workspace},
};

/// The package on PyPI that contains the list.
const SOURCE: Package = Package {
    pin: "disposable-email-domains==0.0.293",
    file: "disposable_email_domains-0.0.293-py3-none-any.whl",
    checksum: "b03e29f3a810a012c200b944ce9ef52ce975da2ea63bcf50d08767bf9e225f8e",
    python: &[],
};
/// The list in it: a set in Python, a domain on each line, as in `    'example.com',`.
const LIST: &str = "disposable_email_domains/__init__.py";
const MADE: &str = "src/policy/disposable/domains.bin";
/// How many bytes of the SHA-256 of each are kept.
const KEPT: usize = 5;

/// Downloads the list and writes `src/policy/disposable/domains.bin`.
pub(crate) fn write(workspace: &Workspace) -> Result<(), Failure> {
    let folder = SOURCE.unpacked()?;
    let list = run::read(&folder.path().join(LIST))?;
    let list = String::from_utf8_lossy(&list);
    let domains = list.lines().filter_map(|line| line.strip_prefix("    '")?.strip_suffix("',"));
    let hashes: BTreeSet<_> = domains.map(|domain| Sha256::digest(domain.as_bytes())).collect();
    let made: BTreeSet<[u8; KEPT]> = hashes.iter().filter_map(|hash| hash.first_chunk().copied()).collect();
    if made.is_empty() {
        return Err(Failure::Wrong(format!("{LIST} has no domains: it is written in another way")));
    }
    let path = workspace.root.join(MADE);
    let bytes: Vec<u8> = made.iter().flatten().copied().collect();
    std::fs::write(&path, bytes).map_err(Failure::io(format!("can't write {}", path.display())))?;
    run::say(run::Mark::Done, &format!("wrote {MADE}: {} domains", made.len()));
    Ok(())
}
