//! The settings of the database: which it is, and where.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use secrecy::SecretString;

use super::{Section, YEAR};
use crate::config::load::Inputs;
use crate::config::problem::{Findings, Invalid};
use crate::config::setting::Setting;
use crate::config::values::Values;
use crate::config::{Database, DatabaseKind, Statements};

pub(crate) const TYPE: Setting<DatabaseKind> = Setting::choice(
    "KAYAN_DB_TYPE",
    "Database type",
    &[("postgres", DatabaseKind::Postgres), ("mysql", DatabaseKind::Mysql), ("sqlite", DatabaseKind::Sqlite)],
)
.per_environment("sqlite", None);
pub(crate) const DSN: Setting<SecretString> = Setting::connection("KAYAN_DB_DSN", "Database connection string")
    .per_environment("file:kayan.db?cache=shared&mode=rwc", None);
pub(crate) const READ_DSN: Setting<SecretString> =
    Setting::connection("KAYAN_DB_READ_DSN", "Connection string of a replica, for reads that may lag");
pub(crate) const MAX_OPEN_CONNS: Setting<u32> =
    Setting::number("KAYAN_DB_MAX_OPEN_CONNS", "Maximum open connections", &(1, 10_000)).or("25");
const MAX_IDLE_CONNS: Setting<u32> =
    Setting::number("KAYAN_DB_MAX_IDLE_CONNS", "Maximum idle connections", &(0, 10_000)).or("5");
const CONN_MAX_LIFETIME: Setting<Duration> = Setting::duration(
    "KAYAN_DB_CONN_MAX_LIFETIME",
    "Maximum lifetime of a connection; 0 for no limit",
    &(Duration::ZERO, YEAR),
)
.or("5m");
pub(crate) const STATEMENTS: Setting<Statements> = Setting::choice(
    "KAYAN_DB_STATEMENTS",
    "Statements; unnamed for PgBouncer",
    &[("prepared", Statements::Prepared), ("unnamed", Statements::Unnamed)],
)
.or("prepared");
pub(crate) const AUTO_MIGRATE: Setting<bool> =
    Setting::switch("KAYAN_AUTO_MIGRATE", "Migrate the database at start").per_environment("true", Some("false"));

pub(super) const SECTION: Section = Section {
    title: "Database",
    settings: &[
        &TYPE,
        &DSN,
        &READ_DSN,
        &MAX_OPEN_CONNS,
        &MAX_IDLE_CONNS,
        &CONN_MAX_LIFETIME,
        &STATEMENTS,
        &AUTO_MIGRATE,
    ],
};

impl DatabaseKind {
    /// The name in `KAYAN_DB_TYPE`, and that of the cargo feature.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
        }
    }

    /// A connection string, to show what they look like.
    fn example(self) -> &'static str {
        match self {
            Self::Sqlite => "file:kayan.db?cache=shared&mode=rwc",
            Self::Postgres => "postgres://user:password@localhost:5432/kayan?sslmode=require",
            Self::Mysql => "user:password@tcp(localhost:3306)/kayan?parseTime=true",
        }
    }
}

/// The database of the configuration.
pub(crate) fn read(values: &Values, kind: DatabaseKind) -> Database {
    let max_open = values.get(&MAX_OPEN_CONNS);
    Database {
        kind,
        dsn: values.get(&DSN),
        read_dsn: values.find(&READ_DSN),
        max_open,
        // no more can be idle than open: lowering the maximum must not invalidate the other's default
        max_idle: values.get(&MAX_IDLE_CONNS).min(max_open),
        max_lifetime: values.find(&CONN_MAX_LIFETIME).filter(|lifetime| !lifetime.is_zero()),
        statements: values.find(&STATEMENTS).unwrap_or(Statements::Prepared),
    }
}

/// Decides on the database, and reports what is wrong with its type and connection strings.
pub(crate) fn kind(values: &Values, inputs: &Inputs<'_>, findings: &mut Findings) -> DatabaseKind {
    let backends = inputs.backends;
    let named = values.given(&TYPE).and_then(|_| values.find(&TYPE));
    let detected = values.given(&DSN).map(kind_of).transpose().unwrap_or_else(|invalid| {
        findings.reject(values, DSN.name, invalid);
        None
    });
    require(values, detected, named, findings);
    replica(values, named.or(detected), findings);
    let (kind, setting) = match (named, detected) {
        (Some(named), _) => (named, TYPE.name),
        (None, Some(detected)) => (detected, DSN.name),
        (None, None) => (DatabaseKind::Sqlite, TYPE.name),
    };
    if !backends.contains(&kind.as_str()) && (named.or(detected).is_some() || !values.production()) {
        let (name, has) = (kind.as_str(), backends.join(", "));
        findings.reject(
            values,
            setting,
            Invalid::new(
                format!("{name} is not available in this build, which has: {has}"),
                format!("use what it has, or build with: cargo build -p kayan --release --features {name}"),
            ),
        );
    }
    validate(values, kind, inputs, findings);
    kind
}

/// Has the database's adapter validate each connection string that has no other problem.
fn validate(values: &Values, kind: DatabaseKind, inputs: &Inputs<'_>, findings: &mut Findings) {
    for setting in [DSN, READ_DSN] {
        let known = findings.problems.iter().any(|problem| [TYPE.name, setting.name].contains(&&*problem.setting));
        let Some(dsn) = values.text(&setting).filter(|_| !known) else { continue };
        if let Err(why) = (inputs.validators.dsn)(kind, dsn, inputs.files) {
            findings.reject(values, setting.name, Invalid::from_message(&why));
        }
    }
}

/// Checks that what is required is given, and that type and connection string match.
fn require(values: &Values, detected: Option<DatabaseKind>, named: Option<DatabaseKind>, findings: &mut Findings) {
    let production = values.production();
    if production && values.given(&TYPE).is_none() {
        let hint = "use one of: postgres, mysql, sqlite";
        findings.reject(values, TYPE.name, Invalid::new("is required in production", hint));
    }
    if values.given(&DSN).is_none() && (production || named.is_some_and(|kind| kind != DatabaseKind::Sqlite)) {
        let example = named.unwrap_or(DatabaseKind::Postgres).example();
        let what = match named.filter(|_| !production) {
            Some(kind) => format!("is required for {}", kind.as_str()),
            None => "is required in production".to_owned(),
        };
        findings.reject(values, DSN.name, Invalid::new(what, format!("use one such as {example}")));
    }
    if let (Some(named), Some(detected)) = (named, detected)
        && named != detected
    {
        findings.reject(
            values,
            DSN.name,
            Invalid::new(
                format!("is a connection string for {}, but KAYAN_DB_TYPE is {}", detected.as_str(), named.as_str()),
                format!("change one of them; for {}, use one such as {}", named.as_str(), named.example()),
            ),
        );
    }
    if production && named.or(detected) == Some(DatabaseKind::Sqlite) {
        let text = "SQLite is meant for development and for a single process; prefer postgres in production";
        findings.warn(TYPE.name, text);
    }
}

/// Checks that a replica is of the kind of its database; a file has none.
fn replica(values: &Values, kind: Option<DatabaseKind>, findings: &mut Findings) {
    let Some(text) = values.given(&READ_DSN) else { return };
    let kind = kind.unwrap_or(DatabaseKind::Sqlite);
    let invalid = match kind_of(text) {
        _ if kind == DatabaseKind::Sqlite => Invalid::new("SQLite has no replicas", "unset it"),
        Err(invalid) => invalid,
        Ok(detected) if detected != kind => Invalid::new(
            format!("is a connection string for {}, but the database is {}", detected.as_str(), kind.as_str()),
            format!("use one such as {}", kind.example()),
        ),
        Ok(_) => return,
    };
    findings.reject(values, READ_DSN.name, invalid);
}

/// The kind of database, by the form of its connection string.
fn kind_of(dsn: &str) -> Result<DatabaseKind, Invalid> {
    let scheme = dsn.split_once("://").map(|(scheme, _)| scheme);
    match scheme {
        Some("postgres" | "postgresql") => return Ok(DatabaseKind::Postgres),
        Some("mysql") => return Ok(DatabaseKind::Mysql),
        _ if ["file:", "sqlite:", ":memory:"].iter().any(|start| dsn.starts_with(start)) => {
            return Ok(DatabaseKind::Sqlite);
        }
        _ => {}
    }
    if ["@tcp(", "@unix(", "@/"].iter().any(|mark| dsn.contains(mark)) {
        return Ok(DatabaseKind::Mysql);
    }
    let options = ["host=", "dbname=", "user="];
    if dsn.split_whitespace().any(|word| options.iter().any(|option| word.starts_with(option))) {
        return Ok(DatabaseKind::Postgres);
    }
    if scheme.is_some() || dsn.contains('\0') {
        let forms = [DatabaseKind::Postgres, DatabaseKind::Mysql, DatabaseKind::Sqlite].map(DatabaseKind::example);
        return Err(Invalid::new(
            "is not a known form of connection string",
            format!("use one such as {}", forms.join(" or ")),
        ));
    }
    Ok(DatabaseKind::Sqlite)
}

/// The file of an `SQLite` database; `None` when it is kept in memory.
pub(crate) fn sqlite_file(dsn: &str) -> Option<PathBuf> {
    let (name, options) = dsn.split_once('?').unwrap_or((dsn, ""));
    let path: Vec<u8> = match (name.strip_prefix("file:"), name.strip_prefix("sqlite:")) {
        (Some(uri), _) => percent_decode_str(uri_path(uri)).collect(),
        (_, Some(uri)) => percent_decode_str(uri.strip_prefix("//").unwrap_or(uri)).collect(),
        (None, None) => name.as_bytes().to_vec(),
    };
    let in_memory = path.is_empty() || path == b":memory:" || options.split('&').any(|option| option == "mode=memory");
    (!in_memory).then(|| PathBuf::from(OsStr::from_bytes(&path)))
}

/// Of `//localhost/path` and `///path`, the path.
fn uri_path(uri: &str) -> &str {
    uri.strip_prefix("//").map_or(uri, |rest| rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_strings_are_told_apart_by_their_form() {
        for (dsn, kind) in [
            ("postgres://user:password@localhost:5432/kayan?sslmode=require", DatabaseKind::Postgres),
            ("postgresql://localhost/kayan", DatabaseKind::Postgres),
            ("host=localhost user=kayan password='a b' dbname=kayan", DatabaseKind::Postgres),
            ("dbname=kayan host=/run/postgresql", DatabaseKind::Postgres),
            ("user:password@tcp(localhost:3306)/kayan?parseTime=true", DatabaseKind::Mysql),
            ("user:p://w@tcp(localhost:3306)/kayan", DatabaseKind::Mysql),
            ("user@unix(/run/mysqld.sock)/kayan", DatabaseKind::Mysql),
            ("mysql://user:password@localhost/kayan", DatabaseKind::Mysql),
            ("file:kayan.db?cache=shared&mode=rwc", DatabaseKind::Sqlite),
            (":memory:?cache=shared", DatabaseKind::Sqlite),
            ("sqlite://kayan.db", DatabaseKind::Sqlite),
            ("data/kayan.db", DatabaseKind::Sqlite),
        ] {
            assert_eq!(kind_of(dsn), Ok(kind), "{dsn}");
        }
        assert!(kind_of("mongodb://localhost").is_err());
    }

    #[test]
    fn the_file_of_an_sqlite_database_is_found() {
        for (dsn, file) in [
            ("file:kayan.db?cache=shared&mode=rwc", Some("kayan.db")),
            ("file:/var/lib/kayan.db", Some("/var/lib/kayan.db")),
            ("file:///var/lib/kayan.db?mode=rwc", Some("/var/lib/kayan.db")),
            ("file://localhost/var/lib/kayan.db", Some("/var/lib/kayan.db")),
            ("file:a%20b.db", Some("a b.db")),
            ("sqlite://kayan.db", Some("kayan.db")),
            ("sqlite:///var/lib/kayan.db?mode=rwc", Some("/var/lib/kayan.db")),
            ("100%.db?mode=ro", Some("100%.db")),
            (":memory:?cache=shared", None),
            ("data/kayan.db", Some("data/kayan.db")),
            (":memory:", None),
            ("file::memory:?cache=shared", None),
            ("file:test?mode=memory&cache=shared", None),
            ("file:", None),
            ("", None),
        ] {
            assert_eq!(sqlite_file(dsn), file.map(PathBuf::from), "{dsn}");
        }
    }
}
