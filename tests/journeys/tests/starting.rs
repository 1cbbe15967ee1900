//! Errors that keep the service from starting: reported in one message, and nothing is changed.

use std::{fs, net::TcpListener, path::Path};

use kayan_journeys::{Done, Home, Kind, Service, ask};
use serde_json::Value;

/// Asserts an error that names the setting and is not a panic.
#[track_caller]
pub(crate) fn refused(done: &Done, code: i32, setting: &str, why: &str) {
    assert_eq!(done.code, code, "{done:?}");
    assert!(done.stderr.contains(setting) && done.stderr.contains(why), "{setting} {why}: {done:?}");
    assert!(!done.stderr.contains("panicked") && !done.stderr.contains("RUST_BACKTRACE"), "{done:?}");
}

/// The names and contents of the files in a folder.
pub(crate) fn files(home: &Home) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(home.path(".")).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let mut files: Vec<_> =
        entries.filter(|path| path.is_file()).map(|path| (name(&path), fs::read(&path).unwrap())).collect();
    // It may have created its secrets before it opened the database.
    files.retain(|(name, _)| Path::new(name).extension().is_none_or(|extension| extension != "secrets"));
    files.sort();
    files
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let done = Home::new().with("KAYAN_PORT", &*port).run("serve").await;
    refused(&done, 1, "KAYAN_PORT", &port);
}

#[tokio::test]
async fn an_address_of_another_machine_is_named() {
    let done = Home::new().with("KAYAN_HOST", "203.0.113.9").run("serve").await;
    refused(&done, 1, "KAYAN_HOST", "203.0.113.9");
}

#[tokio::test]
async fn a_schema_newer_than_the_program_is_refused_and_left_as_it_is() {
    let home = Home::new();
    assert_eq!(home.run("migrate up").await.code, 0);
    let database = home.database().await;
    let newer =
        "INSERT INTO schema_migrations (version, name, checksum, applied_at) SELECT 9999, 'future', 'x', applied_at";
    database.execute(&format!("{newer} FROM schema_migrations WHERE version = 1")).await;
    let applied = database.rows("SELECT * FROM schema_migrations").await;
    for line in ["serve", "migrate up", "admin user list"] {
        let done = home.run(line).await;
        assert_eq!(done.code, 1, "{line}: {done:?}");
        assert!(done.stderr.contains("9999") && done.stderr.contains("newer"), "{line}: {done:?}");
        assert_eq!(database.rows("SELECT * FROM schema_migrations").await, applied);
    }
}

#[tokio::test]
async fn every_wrong_setting_is_told_at_once_with_its_value_and_what_to_do() {
    let home = Home::new()
        .with("KAYAN_PORT", "eighty")
        .with("KAYAN_HOST", "here")
        .with("KAYAN_LOG_LEVEL", "loud")
        .with("KAYAN_BCRYPT_COST", "3")
        .with("KAYAN_SESSION_TTL", "5")
        .with("KAYAN_CORS_ORIGINS", "*")
        .with("KAYAN_TRUSTED_PROXIES", "10.0.0.0/99")
        .with("KAYAN_IDENTITY_SCHEMA", "{\"type\":")
        .with("KAYAN_AUTO_MIGRATE", "perhaps")
        .with("KAYAN_REDIS_URL", "http://:hunter2@cache:6379")
        .with("KAYAN_DB_DSN", "mongodb://kayan:hunter2@db/kayan");
    let done = home.run("serve").await;
    for setting in [
        "KAYAN_PORT",
        "KAYAN_HOST",
        "KAYAN_LOG_LEVEL",
        "KAYAN_BCRYPT_COST",
        "KAYAN_SESSION_TTL",
        "KAYAN_CORS_ORIGINS",
        "KAYAN_TRUSTED_PROXIES",
        "KAYAN_IDENTITY_SCHEMA",
        "KAYAN_AUTO_MIGRATE",
        "KAYAN_REDIS_URL",
        "KAYAN_DB_DSN",
    ] {
        refused(&done, 78, setting, "");
    }
    assert!(done.stderr.contains("eighty") && done.stderr.contains("4 to 20"), "{done:?}");
    assert!(!done.stderr.contains("hunter2"), "{done:?}");
    assert_eq!(files(&home), [], "nothing was made");
}

/// Settings that each keep the service from starting, with a password where possible.
fn unusable(dsn: &str) -> Vec<(&'static str, String)> {
    let dsns: &[&str] = match Kind::chosen() {
        Kind::Sqlite => &["file:nowhere/kayan.db", "file:.", "none.db?mode=rw", "kayan.db?vfs=none"],
        Kind::Postgres => &[
            "postgres://u:hunter2@db/kayan?allowAllFiles=1",
            "postgres://u:hunter2@db:x/kayan",
            "postgres://u:hunter2@db/kayan?sslmode=verify-full&sslrootcert=nowhere.pem",
        ],
        Kind::Mysql => &[
            "u:hunter2@tcp(db:1)/kayan?allowAllFiles=true",
            "u:hunter2@tcp(db:x)/kayan",
            "u:hunter2@tcp(db:1)/kayan?tls=true&tls-ca=nowhere.pem",
        ],
    };
    let mut all: Vec<_> = dsns.iter().map(|dsn| ("KAYAN_DB_DSN", (*dsn).to_owned())).collect();
    let replicas = dsns.iter().map(|dsn| ("KAYAN_DB_READ_DSN", (*dsn).to_owned()));
    all.extend(replicas.filter(|_| !dsn.starts_with("file:")));
    for (setting, value) in [
        ("KAYAN_REDIS_URL", "redis://:hunter2@cache/x"),
        ("KAYAN_REDIS_URL", "rediss://:hunter2@cache?ssl_ca_certs=nowhere.pem"),
        ("KAYAN_REDIS_SESSION_URL", "redis://:hunter2@cache?tls=1"),
        ("KAYAN_AUDIT_LOG", "nowhere/audit.log"),
        ("KAYAN_AUDIT_LOG", "."),
        ("KAYAN_IDENTITY_SCHEMA", r#"{"type":"object"}"#),
        ("KAYAN_IDENTITY_SCHEMA", r#"{"type":"nonsense"}"#),
    ] {
        all.push((setting, value.to_owned()));
    }
    all
}

#[tokio::test]
async fn what_the_service_refuses_to_start_with_config_check_refuses_too() {
    for (setting, value) in unusable(Home::new().dsn()) {
        let home = Home::new().with(setting, &*value);
        let before = files(&home);
        let done = home.run("serve").await;
        refused(&done, 78, &format!("{setting} = "), "");
        assert_eq!(done.stderr.matches("KAYAN_").count(), 1, "one setting is named: {done:?}");
        let check = home.run("config check --format json").await;
        assert_eq!(check.code, 78, "{setting}={value}: {check:?}");
        let rows: Value = serde_json::from_str(&check.stdout).unwrap();
        let wrong: Vec<_> = rows.as_array().unwrap().iter().filter(|row| row["problem"] != "").collect();
        assert!(wrong.len() == 1 && wrong[0]["setting"] == setting, "{setting}={value}: {wrong:?}");
        assert!(done.stderr.contains(wrong[0]["problem"].as_str().unwrap()), "both say the same: {done:?} {wrong:?}");
        assert!(!format!("{done:?}{check:?}").contains("hunter2"), "{done:?}");
        assert_eq!(files(&home), before, "nothing is made");
    }
}

#[tokio::test]
async fn a_command_does_without_the_files_that_only_the_service_needs() {
    let home = Home::new().with("KAYAN_AUDIT_LOG", "nowhere/audit.log");
    assert_eq!(home.run("migrate up").await.code, 0);
    refused(&home.run("serve").await, 78, "KAYAN_AUDIT_LOG", "its folder does not exist; create it");
}

#[tokio::test]
async fn production_starts_with_strong_secrets_and_a_named_database_only() {
    let bare = Home::newcomers().with("KAYAN_ENV", "production");
    let done = bare.run("serve").await;
    for setting in ["KAYAN_DB_TYPE", "KAYAN_DB_DSN", "KAYAN_SESSION_SECRET"] {
        refused(&done, 78, setting, "required in production");
    }
    assert_eq!(files(&bare), []);
    for (secret, why) in [("short", "32"), ("changemechangemechangemechangeme", "well-known"), (&*"a".repeat(64), "")] {
        let home = Home::new().with("KAYAN_ENV", "production").with("KAYAN_SESSION_SECRET", secret);
        let done = home.run("serve").await;
        refused(&done, 78, "KAYAN_SESSION_SECRET", why);
        assert!(secret == "short" || !done.stderr.contains(secret), "{done:?}");
    }
}

#[tokio::test]
async fn in_production_a_service_waits_for_its_migrations_and_is_unavailable_rather_than_broken() {
    let secret = "fZ8v1sQm4tXc7rLp0wKd3yHn6bGj9uAe";
    let home = Home::new().with("KAYAN_ENV", "production").with("KAYAN_BCRYPT_COST", "10");
    let home = home.with("KAYAN_SESSION_SECRET", secret).with("KAYAN_JWT_SECRET", "Qe2kT5nV8xB1mC4zL7pS0dF3gH6jW9rY");
    // It never migrates without being told to: it waits, and says for what.
    let service = Service::launch_in(home.with("KAYAN_HOST", "127.0.0.1")).await;
    let client = service.client();
    let waiting = ask(client.get("/health/ready")).await.refused(503, "unavailable");
    assert!(waiting.text().contains("0001_initial"), "{waiting:?}");
    ask(client.get("/health/live")).await.expect(200);
    ask(kayan_journeys::Person::registration(&client, "ada@example.com")).await.refused(503, "unavailable");
    assert_eq!(service.home().run("migrate up").await.code, 0);
    ask(client.get("/health/ready")).await.expect(200);
    ask(kayan_journeys::Person::registration(&client, "ada@example.com")).await.expect(201);
    assert!(!service.log().contains(secret));
}
