//! Which database it is, and where.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use super::DatabaseKind;
use super::load::Inputs;
use super::problem::{Findings, Wrong};
use super::values::Values;

const TYPE: &str = "KAYAN_DB_TYPE";
const DSN: &str = "KAYAN_DB_DSN";
const READ_DSN: &str = "KAYAN_DB_READ_DSN";

impl DatabaseKind {
    /// The name in `KAYAN_DB_TYPE`, and that of the cargo feature.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Sqlite, Self::Postgres, Self::Mysql].into_iter().find(|kind| kind.as_str() == name)
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

/// Decides on the database, and notes what is wrong with its type and connection string.
pub(crate) fn kind(values: &Values, inputs: &Inputs<'_>, findings: &mut Findings) -> DatabaseKind {
    let backends = inputs.backends;
    let named = values.given(TYPE).then(|| DatabaseKind::from_name(&values.word(TYPE))).flatten();
    let spoken = match values.text(DSN).filter(|_| values.given(DSN)).map(kind_of).transpose() {
        Ok(spoken) => spoken,
        Err(wrong) => {
            findings.wrong(values, DSN, wrong);
            None
        }
    };
    require(values, spoken, named, findings);
    replica(values, named.or(spoken), findings);
    let (kind, setting) = match (named, spoken) {
        (Some(named), _) => (named, TYPE),
        (None, Some(spoken)) => (spoken, DSN),
        (None, None) => (DatabaseKind::Sqlite, TYPE),
    };
    if !backends.contains(&kind.as_str()) && (named.or(spoken).is_some() || !values.production()) {
        let (name, has) = (kind.as_str(), backends.join(", "));
        findings.wrong(
            values,
            setting,
            Wrong::new(
                format!("{name} is not available in this build, which has: {has}"),
                format!("use what it has, or build with: cargo build -p kayan --release --features {name}"),
            ),
        );
    }
    judge(values, kind, inputs, findings);
    kind
}

/// Asks the database's adapter about each connection string that nothing else is wrong with.
fn judge(values: &Values, kind: DatabaseKind, inputs: &Inputs<'_>, findings: &mut Findings) {
    for name in [DSN, READ_DSN] {
        let known = findings.problems.iter().any(|problem| [TYPE, name].contains(&&*problem.setting));
        let Some(dsn) = values.text(name).filter(|_| !known) else { continue };
        if let Err(why) = (inputs.judges.dsn)(kind, dsn, inputs.files) {
            findings.wrong(values, name, Wrong::told(&why));
        }
    }
}

/// What must be given, and must fit together.
fn require(values: &Values, spoken: Option<DatabaseKind>, named: Option<DatabaseKind>, findings: &mut Findings) {
    if values.production() && !values.given(TYPE) {
        findings.wrong(values, TYPE, Wrong::new("is required in production", "use one of: postgres, mysql, sqlite"));
    }
    if !values.given(DSN) && (values.production() || named.is_some_and(|kind| kind != DatabaseKind::Sqlite)) {
        let example = named.unwrap_or(DatabaseKind::Postgres).example();
        let what = match named.filter(|_| !values.production()) {
            Some(kind) => format!("is required for {}", kind.as_str()),
            None => "is required in production".to_owned(),
        };
        findings.wrong(values, DSN, Wrong::new(what, format!("use one such as {example}")));
    }
    if let (Some(named), Some(spoken)) = (named, spoken)
        && named != spoken
    {
        findings.wrong(
            values,
            DSN,
            Wrong::new(
                format!("is a connection string for {}, but {TYPE} is {}", spoken.as_str(), named.as_str()),
                format!("change one of them; for {}, use one such as {}", named.as_str(), named.example()),
            ),
        );
    }
    if values.production() && named.or(spoken) == Some(DatabaseKind::Sqlite) {
        findings.warn(TYPE, "SQLite is meant for development and for a single process; prefer postgres in production");
    }
}

/// A replica speaks as its database does; a file has none.
fn replica(values: &Values, kind: Option<DatabaseKind>, findings: &mut Findings) {
    let Some(text) = values.text(READ_DSN).filter(|_| values.given(READ_DSN)) else { return };
    let kind = kind.unwrap_or(DatabaseKind::Sqlite);
    let wrong = match kind_of(text) {
        _ if kind == DatabaseKind::Sqlite => Wrong::new("SQLite has no replicas", "unset it"),
        Err(wrong) => wrong,
        Ok(spoken) if spoken != kind => Wrong::new(
            format!("is a connection string for {}, but the database is {}", spoken.as_str(), kind.as_str()),
            format!("use one such as {}", kind.example()),
        ),
        Ok(_) => return,
    };
    findings.wrong(values, READ_DSN, wrong);
}

/// Tells a connection string by its form.
fn kind_of(dsn: &str) -> Result<DatabaseKind, Wrong> {
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
        return Err(Wrong::new(
            "is no connection string that is known",
            format!("use one such as {}", forms.join(" or ")),
        ));
    }
    Ok(DatabaseKind::Sqlite)
}

/// The file of an `SQLite` database; nothing when it is kept in memory.
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
