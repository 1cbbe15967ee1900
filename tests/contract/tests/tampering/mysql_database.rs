//! Databases of one's own on the MySQL server that `cargo xtask test` starts.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
};

use kayan_mysql::MysqlDriver;
use kayan_sql::Driver;

/// A DSN whose user may make and drop databases.
const VARIABLE: &str = "KAYAN_TEST_MYSQL_DSN";

/// An empty MySQL database, gone with the test.
pub(crate) struct Database {
    server: String,
    name: String,
}

impl Database {
    pub(crate) async fn create() -> Self {
        let server = std::env::var_os(VARIABLE).and_then(|dsn| dsn.into_string().ok());
        let server = server.expect("KAYAN_TEST_MYSQL_DSN is not set: run `cargo xtask test`, which starts the servers");
        let name = format!("kayan_test_{:016x}", RandomState::new().build_hasher().finish());
        ask(&server, format!("CREATE DATABASE {name}")).await;
        Self { server, name }
    }

    pub(crate) fn dsn(&self) -> String {
        let slash = self.server.rfind(")/").expect("a DSN with its address in parentheses") + 2;
        let (before, after) = self.server.split_at(slash);
        let options = after.split_once('?').map_or(String::new(), |(_, options)| format!("?{options}"));
        format!("{before}{}{options}", self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, drop) = (self.server.clone(), format!("DROP DATABASE {}", self.name));
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(ask(&server, drop));
        });
        let _ = dropping.join();
    }
}

async fn ask(server: &str, sql: String) {
    let driver = MysqlDriver::connect(server, kayan_mysql::Settings::default()).unwrap();
    let mut lock = driver.lock().await.unwrap();
    lock.run(&sql, None).await.unwrap();
    lock.release().await.unwrap();
}
