//! Where a database is, as `KAYAN_DB_DSN` says it.

use std::{path::PathBuf, str::FromStr};

/// A parsed DSN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dsn {
    /// Where it is.
    pub place: Place,
    /// What may be done with it.
    pub mode: Mode,
}

/// Where a database is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In this process's memory, gone when it is closed.
    Memory,
    /// In a file.
    File(PathBuf),
}

/// What may be done with a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Reading.
    ReadOnly,
    /// Reading and writing.
    ReadWrite,
    /// Reading and writing; made when it is not there.
    Create,
}

/// Why a DSN is invalid. No message holds any of it but an option's name, where that can't be part of a password: the text
/// may be another database's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DsnError {
    /// There is no path in it.
    #[error("it names no file; write a path, file:PATH or :memory:")]
    Empty,
    /// It is for another database.
    #[error("it is no SQLite address; write a path, file:PATH or :memory:, or set KAYAN_DB_TYPE")]
    Scheme,
    /// It names a host.
    #[error("a SQLite file is on this machine; write file:PATH or file:///PATH")]
    Host,
    /// There is something in the path that no path can have.
    #[error("the path holds a NUL byte or a % that is not followed by two hexadecimal digits (write % as %25)")]
    Path,
    /// An option that is not known, by its name or its place.
    #[error("option {0} is not known; known are cache and mode")]
    UnknownOption(String),
    /// A value that the option does not have.
    #[error("{option} has a value that is not known; use {allowed}")]
    UnknownValue {
        /// The option.
        option: &'static str,
        /// The values it has.
        allowed: &'static str,
    },
}

impl FromStr for Dsn {
    type Err = DsnError;

    /// Takes a plain path, `:memory:`, `file:PATH`, `file:///PATH`, `sqlite://PATH` and `sqlite:PATH`, each with
    /// `?cache=…&mode=…` behind it. The forms with a scheme are percent-decoded.
    fn from_str(dsn: &str) -> Result<Self, DsnError> {
        let (name, options) = dsn.split_once('?').unwrap_or((dsn, ""));
        let path = path(name)?;
        let mut mode = Mode::Create;
        let mut memory = path == ":memory:";
        let options = options.split('&').filter(|o| !o.is_empty()).map(|o| o.split_once('=').unwrap_or((o, "")));
        for (number, (option, value)) in (1..).zip(options) {
            match (option, value) {
                // Shared cache replaces the file's locks by table locks within the process, and readers then fail while
                // the writer works. The option comes from DSNs made for drivers without a pool; private caches over a
                // write-ahead log do better what it was meant for, so it is accepted and has no effect.
                ("cache", "shared" | "private") => {}
                ("mode", "ro") => mode = Mode::ReadOnly,
                ("mode", "rw") => mode = Mode::ReadWrite,
                ("mode", "rwc") => mode = Mode::Create,
                ("mode", "memory") => memory = true,
                ("cache", _) => return Err(unknown_value("cache", "shared or private")),
                ("mode", _) => return Err(unknown_value("mode", "ro, rw, rwc or memory")),
                // what has an @ is another database's DSN, and this may be the rest of its password
                _ if dsn.contains('@') => return Err(DsnError::UnknownOption(format!("number {number}"))),
                _ => return Err(DsnError::UnknownOption(format!("{option:?}"))),
            }
        }
        if memory {
            return Ok(Self { place: Place::Memory, mode: Mode::Create });
        }
        if path.is_empty() {
            return Err(DsnError::Empty);
        }
        Ok(Self { place: Place::File(PathBuf::from(path)), mode })
    }
}

fn unknown_value(option: &'static str, allowed: &'static str) -> DsnError {
    DsnError::UnknownValue { option, allowed }
}

fn path(name: &str) -> Result<String, DsnError> {
    if let Some(rest) = name.strip_prefix("file:") {
        return decoded(match rest.strip_prefix("//") {
            None => rest,
            Some(rest) if rest.starts_with('/') => rest,
            Some(rest) => rest.strip_prefix("localhost").filter(|path| path.starts_with('/')).ok_or(DsnError::Host)?,
        });
    }
    if let Some(rest) = name.strip_prefix("sqlite:") {
        return decoded(rest.strip_prefix("//").unwrap_or(rest));
    }
    if name.contains("://") {
        return Err(DsnError::Scheme);
    }
    if name.contains('\0') { Err(DsnError::Path) } else { Ok(name.to_owned()) }
}

fn decoded(path: &str) -> Result<String, DsnError> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|b| char::from(b).to_digit(16)).ok_or(DsnError::Path);
        let code = digit()? * 16 + digit()?;
        bytes.push(u8::try_from(code).map_err(|_| DsnError::Path)?);
    }
    String::from_utf8(bytes).ok().filter(|path| !path.contains('\0')).ok_or(DsnError::Path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_dsn_is_understood() {
        let file = |path: &str, mode| Ok(Dsn { place: Place::File(path.into()), mode });
        let memory = || Ok(Dsn { place: Place::Memory, mode: Mode::Create });
        let unknown = |option, allowed| Err(DsnError::UnknownValue { option, allowed });
        let table = [
            ("file:kayan.db?cache=shared&mode=rwc", file("kayan.db", Mode::Create)),
            ("file:kayan.db?mode=ro", file("kayan.db", Mode::ReadOnly)),
            ("file:kayan.db?mode=rw&", file("kayan.db", Mode::ReadWrite)),
            ("file:/var/lib/kayan.db", file("/var/lib/kayan.db", Mode::Create)),
            ("file:///var/lib/kayan.db", file("/var/lib/kayan.db", Mode::Create)),
            ("file://localhost/var/lib/kayan.db", file("/var/lib/kayan.db", Mode::Create)),
            ("file:a%20b%3f.db", file("a b?.db", Mode::Create)),
            ("kayan.db", file("kayan.db", Mode::Create)),
            ("kayan.db?mode=ro", file("kayan.db", Mode::ReadOnly)),
            ("100%.db", file("100%.db", Mode::Create)),
            ("./data/kayan.db", file("./data/kayan.db", Mode::Create)),
            ("sqlite://kayan.db", file("kayan.db", Mode::Create)),
            ("sqlite:///var/lib/kayan.db", file("/var/lib/kayan.db", Mode::Create)),
            ("sqlite:kayan.db", file("kayan.db", Mode::Create)),
            (":memory:", memory()),
            ("file::memory:?cache=shared", memory()),
            ("file:test?mode=memory&cache=shared", memory()),
            ("sqlite::memory:", memory()),
            ("sqlite://:memory:", memory()),
            ("", Err(DsnError::Empty)),
            ("file:", Err(DsnError::Empty)),
            ("?mode=rwc", Err(DsnError::Empty)),
            ("postgres://u:p@h/db", Err(DsnError::Scheme)),
            ("file://server/share.db", Err(DsnError::Host)),
            ("file:a%2.db", Err(DsnError::Path)),
            ("file:a%zz.db", Err(DsnError::Path)),
            ("file:a%00.db", Err(DsnError::Path)),
            ("file:a%ff.db", Err(DsnError::Path)),
            ("a\0.db", Err(DsnError::Path)),
            ("kayan.db?_journal=WAL", Err(DsnError::UnknownOption("\"_journal\"".to_owned()))),
            ("kayan.db?mode=ro&vfs=unix-none", Err(DsnError::UnknownOption("\"vfs\"".to_owned()))),
            ("u:p?mode=ro&w@host/db", Err(DsnError::UnknownOption("number 2".to_owned()))),
            ("kayan.db?mode=w", unknown("mode", "ro, rw, rwc or memory")),
            ("kayan.db?mode", unknown("mode", "ro, rw, rwc or memory")),
            ("kayan.db?cache=big", unknown("cache", "shared or private")),
        ];
        for (dsn, expected) in table {
            assert_eq!(dsn.parse::<Dsn>(), expected, "{dsn:?}");
        }
    }

    #[test]
    fn another_databases_dsn_is_refused_without_its_password() {
        for dsn in [
            "postgres://u:hunter2@db/kayan",
            "u:hunter2://@tcp(db:1)/kayan",
            "u:p?hunter2@tcp(db:1)/kayan",
            "u:p?mode=hunter2@tcp(db:1)/kayan",
            "file://u:hunter2@db/kayan",
            "file:u:%hunter2",
        ] {
            let error = dsn.parse::<Dsn>().expect_err(dsn);
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{dsn}: {error}");
        }
    }
}
