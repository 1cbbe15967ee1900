//! Where a home keeps its data: a file in its folder, or its own database on a server.

use std::{
    hash::{BuildHasher as _, RandomState},
    path::Path,
    thread,
};

use crate::Database;

/// Which database the journeys run on: `sqlite` unless told otherwise, `postgres` or `mysql`.
const CHOSEN: &str = "KAYAN_TEST_DATABASE";
/// The file in a home's folder.
const FILE: &str = "kayan.db";

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    Sqlite,
    /// A `PostgreSQL` server.
    Postgres,
    /// A `MySQL` or `MariaDB` server.
    Mysql,
}

impl Kind {
    /// The kind that this run is on, or PostgreSQL instead of SQLite: a file is of one process alone.
    pub fn of_replicas() -> Self {
        match Self::chosen() {
            Self::Sqlite => Self::Postgres,
            other => other,
        }
    }

    /// The kind that this run is on.
    pub fn chosen() -> Self {
        let given = std::env::var_os(CHOSEN).map(|name| name.to_string_lossy().into_owned());
        let name = given.unwrap_or_else(|| Self::Sqlite.name().to_owned());
        let known = [Self::Sqlite, Self::Postgres, Self::Mysql].into_iter().find(|kind| kind.name() == name);
        known.unwrap_or_else(|| panic!("{CHOSEN} is {name:?}; it is sqlite, postgres or mysql"))
    }

    /// Its name in `KAYAN_DB_TYPE`, which is also that of the cargo feature.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
        }
    }
}

/// A database; removed when dropped if it was created here.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) kind: Kind,
    /// Its DSN, as in `KAYAN_DB_DSN`.
    pub(crate) dsn: String,
    /// Its name, if it was created on the server of the tests.
    made: Option<String>,
}

impl Place {
    /// Creates an empty database.
    pub(crate) fn create(kind: Kind) -> Self {
        if kind == Kind::Sqlite {
            return Self::at(kind, &format!("file:{FILE}?mode=rwc"));
        }
        let name = format!("kayan_{:016x}", RandomState::new().hash_one("database"));
        administer(kind, format!("CREATE DATABASE {name}")).join().expect("a database of one's own");
        // Without encryption, which the tests of the drivers cover: hundreds of handshakes take time.
        let options = if kind == Kind::Mysql { "parseTime=true" } else { "sslmode=disable" };
        let dsn = format!("{}?{options}", neighbour(&server(kind), &name));
        Self { kind, dsn, made: Some(name) }
    }

    /// An existing database that another owner removes.
    pub(crate) fn at(kind: Kind, dsn: &str) -> Self {
        Self { kind, dsn: dsn.to_owned(), made: None }
    }

    /// A connection beside the service's own; `folder` is where its file would be.
    pub(crate) async fn connect(&self, folder: &Path) -> Database {
        let file = folder.join(FILE).display().to_string();
        let dsn = if self.kind == Kind::Sqlite { &file } else { &self.dsn };
        Database::connect(self.kind, dsn).await.unwrap_or_else(|error| panic!("{:?}: {error}", self.kind))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(name) = self.made.take() else { return };
        let force = if self.kind == Kind::Postgres { " WITH (FORCE)" } else { "" };
        // A failed test has reported its reason already.
        drop(administer(self.kind, format!("DROP DATABASE {name}{force}")).join());
    }
}

/// The DSN of the tests' server, for a user who may create databases.
fn server(kind: Kind) -> String {
    let variable = format!("KAYAN_TEST_{}_DSN", kind.name().to_uppercase());
    let given = std::env::var_os(&variable).and_then(|dsn| dsn.into_string().ok());
    given.unwrap_or_else(|| {
        panic!(
            "{variable} is not set: run `cargo xtask test`, or this under `cargo xtask with`, which start the servers"
        )
    })
}

/// The DSN, without options, of another database on the same server.
fn neighbour(dsn: &str, name: &str) -> String {
    let (address, _) = dsn.split_once('?').unwrap_or((dsn, ""));
    let (server, _) = address.rsplit_once('/').expect("a DSN with a / before the database's name");
    format!("{server}/{name}")
}

/// Runs a statement on the tests' server; on its own thread, as a runtime must not be blocked.
fn administer(kind: Kind, sql: String) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let server = Database::connect(kind, &server(kind)).await.expect("the server of the tests");
            server.execute(&sql).await;
        });
    })
}
