//! A database for each test, and short ways to ask it.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
};

use kayan_mysql::{MysqlDriver, Settings};
use kayan_sql::{ApplyError, Driver, DriverError, Expect, Query, Reading, Row, Statement, Value};

/// The DSN that `cargo xtask test` gives.
pub(crate) fn server() -> String {
    let dsn = std::env::var_os("KAYAN_TEST_MYSQL_DSN").and_then(|dsn| dsn.into_string().ok());
    dsn.expect("KAYAN_TEST_MYSQL_DSN is not set: run `cargo xtask test`, which starts the servers")
}

/// A database of its own, gone with the test.
pub(crate) struct Database {
    server: String,
    pub(crate) dsn: String,
    name: String,
}

impl Database {
    pub(crate) async fn create() -> Self {
        let server = server();
        let name = format!("kayan_test_{:016x}", RandomState::new().build_hasher().finish());
        run(&MysqlDriver::connect(&server, Settings::default()).unwrap(), &format!("CREATE DATABASE {name}")).await;
        let slash = server.rfind(")/").expect("a DSN with its address in parentheses") + 2;
        let dsn = format!("{}{name}", &server[..slash]);
        Self { server, dsn, name }
    }

    pub(crate) fn driver(&self) -> MysqlDriver {
        self.driver_with(Settings::default())
    }

    pub(crate) fn driver_with(&self, settings: Settings) -> MysqlDriver {
        MysqlDriver::connect(&self.dsn, settings).unwrap()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, sql) = (self.server.clone(), format!("DROP DATABASE {}", self.name));
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { run(&MysqlDriver::connect(&server, Settings::default()).unwrap(), &sql).await });
        });
        let _ = dropping.join();
    }
}

/// Runs a script past the pool.
pub(crate) async fn run(driver: &MysqlDriver, script: &str) {
    let mut lock = driver.lock().await.unwrap();
    lock.run(script, None).await.unwrap();
    lock.release().await.unwrap();
}

pub(crate) fn one(sql: &'static str, params: Vec<Value>) -> Statement {
    Statement { sql, params, expect: Expect::One }
}

pub(crate) fn any(sql: &'static str, params: Vec<Value>) -> Statement {
    Statement { sql, params, expect: Expect::Any }
}

pub(crate) async fn apply(driver: &MysqlDriver, batch: Vec<Statement>) -> Result<(), ApplyError> {
    driver.apply(batch).await
}

pub(crate) async fn read(driver: &MysqlDriver, sql: &'static str, params: Vec<Value>) -> Result<Vec<Row>, DriverError> {
    driver.read(Query { sql, params, reading: Reading::Point }).await
}

/// The one number that a question is answered with.
pub(crate) async fn number(driver: &MysqlDriver, sql: &'static str) -> i64 {
    read(driver, sql, vec![]).await.unwrap().pop().unwrap().int().unwrap()
}

/// How many connections there are to the driver's database, its own included.
pub(crate) async fn connections(driver: &MysqlDriver) -> i64 {
    number(driver, "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE()").await
}
