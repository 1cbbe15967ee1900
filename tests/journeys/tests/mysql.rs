//! The service on a MySQL or MariaDB server.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
};

use kayan_journeys::{Home, Person, Service, ask};
use kayan_mysql::{MysqlDriver, Settings};
use kayan_sql::Driver as _;

/// A database of its own, gone with the test.
struct Database {
    server: String,
    name: String,
}

impl Database {
    async fn create() -> Self {
        let server = std::env::var_os("KAYAN_TEST_MYSQL_DSN").and_then(|dsn| dsn.into_string().ok());
        let server = server.expect("KAYAN_TEST_MYSQL_DSN is not set: run `cargo xtask test`, which starts the servers");
        let name = format!("kayan_test_{:016x}", RandomState::new().build_hasher().finish());
        run(&server, &format!("CREATE DATABASE {name}")).await;
        Self { server, name }
    }

    fn dsn(&self) -> String {
        let slash = self.server.rfind(")/").expect("a DSN with its address in parentheses") + 2;
        format!("{}{}?parseTime=true", &self.server[..slash], self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, sql) = (self.server.clone(), format!("DROP DATABASE {}", self.name));
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(run(&server, &sql));
        });
        let _ = dropping.join();
    }
}

async fn run(server: &str, script: &str) {
    let driver = MysqlDriver::connect(server, Settings::default()).unwrap();
    let mut lock = driver.lock().await.unwrap();
    lock.run(script, None).await.unwrap();
    lock.release().await.unwrap();
}

#[tokio::test]
async fn an_account_lives_on_a_mysql_server() {
    let database = Database::create().await;
    let home = Home::new().with("KAYAN_DB_TYPE", "mysql").with("KAYAN_DB_DSN", database.dsn());
    let home = home.with("KAYAN_AUTO_MIGRATE", "false");
    for (line, code) in [
        ("migrate status", 3),
        ("migrate up", 0),
        ("migrate status", 0),
        ("migrate down", 0),
        ("migrate status", 3),
        ("migrate up", 0),
    ] {
        let done = home.run(line).await;
        assert_eq!(done.code, code, "{line}: {}", done.stderr);
    }
    let service = Service::start_in(home).await;
    let ada = Person::register(&service.client(), "ada").await.log_in().await;
    ask(Person::asking(&service.client(), &ada.session_token)).await.expect(200);
    let service = Service::start_in(service.kill().await).await;
    let client = service.client();
    ask(Person::asking(&client, &ada.session_token)).await.expect(200);
    ask(Person::refreshing(&client, &ada.refresh_token)).await.expect(200);
    ask(Person::login(&client, &ada.email, "not the password 7")).await.expect(401);
    ask(Person::registration(&client, &ada.email)).await.expect(409);
}

#[tokio::test]
async fn a_wrong_mysql_dsn_is_named_without_its_password() {
    for dsn in [
        "u:hunter2@tcp(127.0.0.1:1)/kayan?allowAllFiles=true",
        "u:hunter2@tcp(127.0.0.1:x)/kayan",
        "u:hunter2@tcp(127.0.0.1:1)/",
        "u:hunter2@tcp(127.0.0.1:1)/kayan?tls=maybe",
        "u:hunter2@tcp(127.0.0.1:1)/kayan?tls=true&tls-ca=nowhere.pem",
    ] {
        let home = Home::new().with("KAYAN_DB_TYPE", "mysql").with("KAYAN_DB_DSN", dsn);
        let done = home.run("migrate status").await;
        assert_eq!(done.code, 78, "{dsn}: {}", done.stderr);
        assert!(done.stderr.contains("KAYAN_DB_DSN: ") && !done.stderr.contains("hunter2"), "{}", done.stderr);
    }
}
