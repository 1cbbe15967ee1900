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

/// The database file, its log and index, and the folder in which these are created and removed.
fn database(path: &Path) -> Finding {
    let beside = |suffix: &str| {
        let mut name: OsString = path.into();
        name.push(suffix);
        PathBuf::from(name)
    };
    for file in [path.to_owned(), beside("-wal"), beside("-shm")] {
        if let Some(finding) = exposed(DATABASE, &file, "contains password hashes") {
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
            format!("the folder {} does not exist", folder.display()),
            format!("run: mkdir -p {}", folder.display()),
        ),
        () if !is_writable(folder) => unwritable(DATABASE, folder),
        () if !path.exists() => Finding::ok(DATABASE, format!("{} does not exist yet", path.display())),
        () => Finding::ok(DATABASE, format!("only its owner can read {}", path.display())),
    }
}

/// The files with secrets in development; production has them in the environment.
fn secrets(case: &Case, dsn: &str) -> Option<Finding> {
    if case.config.env == Environment::Production {
        return None;
    }
    let kept = secrets_path(case.config.database.kind, dsn, Path::new(""));
    let files: Vec<PathBuf> = kept.into_iter().chain([PathBuf::from(".env")]).filter(|file| file.exists()).collect();
    let finding = files.iter().find_map(|file| exposed(SECRETS, file, "contains secrets"));
    let names = || files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
    finding
        .or_else(|| (!files.is_empty()).then(|| Finding::ok(SECRETS, format!("only their owner can read {}", names()))))
}

fn audit_log(path: &Path) -> Finding {
    let folder = folder_of(path);
    if !folder.is_dir() {
        return Finding::failed(
            AUDIT_LOG,
            format!("the folder {} does not exist", folder.display()),
            format!("run: mkdir -p {}, or set KAYAN_AUDIT_LOG to another one", folder.display()),
        );
    }
    let place = if path.exists() { path } else { folder };
    if !is_writable(place) {
        return unwritable(AUDIT_LOG, place);
    }
    match mode(path) {
        // Its group may read it, so that a log collector can.
        Ok(mode) if mode & 0o007 != 0 => Finding::warning(
            AUDIT_LOG,
            format!(
                "all users of this machine can read {} (mode {mode:04o}), which contains personal data",
                path.display()
            ),
            format!("run: chmod o= {}", path.display()),
        ),
        _ => Finding::ok(AUDIT_LOG, format!("{} can be written", path.display())),
    }
}

/// The finding for a file that users other than its owner can read or write.
fn exposed(check: &'static str, path: &Path, why: &str) -> Option<Finding> {
    let mode = match mode(path) {
        Ok(mode) => mode,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            let hint = "give this user read permission, or use another file";
            return Some(Finding::failed(
                check,
                format!("{} can't be checked: {}", path.display(), error.kind()),
                hint,
            ));
        }
    };
    let told = |who: &str| format!("{} is accessible to {who} (mode {mode:04o}), and {why}", path.display());
    let hint = format!("run: chmod 600 {}", path.display());
    match mode {
        mode if mode & 0o007 != 0 => Some(Finding::failed(check, told("all users of this machine"), hint)),
        mode if mode & 0o070 != 0 => Some(Finding::warning(check, told("its group"), hint)),
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
    let hint = format!("run: chown THE_SERVICES_USER {}, or use another path", path.display());
    Finding::failed(check, format!("this user has no write permission for {}", path.display()), hint)
}
