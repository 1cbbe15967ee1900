//! Databases of one's own on the servers that `cargo xtask test` starts.

use std::{
    hash::{BuildHasher as _, RandomState},
    thread,
};

use tokio_postgres::{Client, NoTls};

/// The variable with the server's address.
pub const POSTGRES: &str = "KAYAN_TEST_POSTGRES_DSN";
/// The variable with its address through PgBouncer.
pub const PGBOUNCER: &str = "KAYAN_TEST_PGBOUNCER_DSN";

/// An empty PostgreSQL database; dropped with this.
#[derive(Debug)]
pub struct PostgresDatabase {
    name: String,
}

impl PostgresDatabase {
    /// Makes one.
    pub async fn create() -> Self {
        let name = format!("kayan_{:016x}", RandomState::new().hash_one("database"));
        administer(&format!("CREATE DATABASE {name}")).await;
        // A deadlock is not resolved by a retry, so that a test sees it.
        administer(&format!("ALTER DATABASE {name} SET deadlock_timeout = '10min'")).await;
        Self { name }
    }

    /// Its address on the server that `variable` names: a URL without options.
    pub fn dsn(&self, variable: &str) -> String {
        address(variable, &self.name)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A superuser's connection to it.
    pub async fn connection(&self) -> Client {
        connect(&self.dsn(POSTGRES)).await
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        // Blocking is not allowed within a runtime, and the test's own is about to end.
        let drops = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(administer(&sql));
        });
        // a test that failed already says why
        drop(drops.join());
    }
}

/// The value of a variable that says where a server is.
pub fn variable(name: &str) -> String {
    let given = std::env::var_os(name).and_then(|value| value.into_string().ok());
    given.unwrap_or_else(|| {
        panic!("{name} is not set: run `cargo xtask test`, or this test under `cargo xtask with cargo nextest run`")
    })
}

fn address(variable_name: &str, database: &str) -> String {
    let given = variable(variable_name);
    let (url, _) = given.split_once('?').unwrap_or((&given, ""));
    let (server, _) = url
        .rsplit_once('/')
        .filter(|(server, _)| server.contains("://"))
        .unwrap_or_else(|| panic!("{variable_name} must be of the form postgres://USER:PASSWORD@HOST:PORT/DATABASE"));
    format!("{server}/{database}")
}

async fn administer(sql: &str) {
    connect(&address(POSTGRES, "postgres")).await.batch_execute(sql).await.expect(sql);
}

async fn connect(dsn: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(dsn, NoTls).await.expect("a connection to PostgreSQL");
    tokio::spawn(connection);
    client
}
