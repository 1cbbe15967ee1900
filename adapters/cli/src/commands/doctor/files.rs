//! Files that hold secrets or must be writable: who may read and write them.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access};
use secrecy::ExposeSecret as _;

use super::{Case, finding::Finding};
use crate::{
    config::{
        AuditLog, DatabaseKind, Environment, secrets_path,
        settings::database::{DSN, TYPE},
        sqlite_file,
    },
    output::folder_of,
};

const DATABASE: &str = "files.database";
const SECRETS: &str = "files.secrets";
const AUDIT_LOG: &str = "files.audit_log";

pub(super) fn examine(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    let dsn = case.config.database.dsn.expose_secret();
    if let Some(setting) = case.unusable(&[TYPE.name, DSN.name]) {
        findings.push(Finding::rests_on(DATABASE, setting));
    } else if case.config.database.kind == DatabaseKind::Sqlite {
        findings.extend(sqlite_file(dsn).map(|path| database(&path)));
    }
    findings.extend(secrets(case, dsn));
    if let Some(AuditLog::File(path)) = &case.config.audit_log {
        findings.push(audit_log(path));
    }
    findings
}

/// The file with its log and index beside it, and the folder, in which they are made and removed.
fn database(path: &Path) -> Finding {
    let beside = |suffix: &str| {
        let mut name: OsString = path.into();
        name.push(suffix);
        PathBuf::from(name)
    };
    for file in [path.to_owned(), beside("-wal"), beside("-shm")] {
        if let Some(finding) = exposed(DATABASE, &file, "password hashes are in it") {
            return finding;
        }
        if file.exists() && !is_writable(&file) {
            return unwritable(DATABASE, &file);
        }
    }
    let folder = folder_of(path);
    match () {
        () if !folder.exists() => Finding::failed(
            DATABASE,
            format!("there is no folder {}", folder.display()),
            format!("run: mkdir -p {}", folder.display()),
        ),
        () if !is_writable(folder) => unwritable(DATABASE, folder),
        () if !path.exists() => Finding::ok(DATABASE, format!("{} is not there yet", path.display())),
        () => Finding::ok(DATABASE, format!("{} is its owner's alone to read", path.display())),
    }
}

/// Where secrets may stand in development; production has them in its environment.
fn secrets(case: &Case, dsn: &str) -> Option<Finding> {
    if case.config.env == Environment::Production {
        return None;
    }
    let kept = secrets_path(case.config.database.kind, dsn, Path::new(""));
    let files: Vec<PathBuf> = kept.into_iter().chain([PathBuf::from(".env")]).filter(|file| file.exists()).collect();
    let finding = files.iter().find_map(|file| exposed(SECRETS, file, "secrets are in it"));
    let names = || files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
    finding.or_else(|| {
        (!files.is_empty()).then(|| Finding::ok(SECRETS, format!("{}: its owner's alone to read", names())))
    })
}

fn audit_log(path: &Path) -> Finding {
    let folder = folder_of(path);
    if !folder.is_dir() {
        return Finding::failed(
            AUDIT_LOG,
            format!("there is no folder {}", folder.display()),
            format!("run: mkdir -p {}, or let KAYAN_AUDIT_LOG name another one", folder.display()),
        );
    }
    let place = if path.exists() { path } else { folder };
    if !is_writable(place) {
        return unwritable(AUDIT_LOG, place);
    }
    match mode(path) {
        // It is made for its group to read, so that a collector of logs can.
        Ok(mode) if mode & 0o007 != 0 => Finding::warning(
            AUDIT_LOG,
            format!("{} may be read by everybody (mode {mode:04o}): who did what, and from where", path.display()),
            format!("run: chmod o= {}", path.display()),
        ),
        _ => Finding::ok(AUDIT_LOG, format!("{} can be written", path.display())),
    }
}

/// What there is to say of a file that others than its owner may read or write.
fn exposed(check: &'static str, path: &Path, why: &str) -> Option<Finding> {
    let mode = match mode(path) {
        Ok(mode) => mode,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            let mend = "let this user read it, or name another file";
            return Some(Finding::failed(
                check,
                format!("{} can't be looked at: {}", path.display(), error.kind()),
                mend,
            ));
        }
    };
    let told = |who: &str| format!("{} is open to {who} (mode {mode:04o}), and {why}", path.display());
    let mend = format!("run: chmod 600 {}", path.display());
    match mode {
        mode if mode & 0o007 != 0 => Some(Finding::failed(check, told("everybody on this machine"), mend)),
        mode if mode & 0o070 != 0 => Some(Finding::warning(check, told("its group"), mend)),
        _ => None,
    }
}

fn mode(path: &Path) -> io::Result<u32> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o7777)
}

fn is_writable(path: &Path) -> bool {
    access(path, Access::WRITE_OK).is_ok()
}

fn unwritable(check: &'static str, path: &Path) -> Finding {
    let mend = format!("run: chown THE_SERVICES_USER {}, or name another place", path.display());
    Finding::failed(check, format!("this user may not write to {}", path.display()), mend)
}
