//! What keeps the service from starting: told in one message, and nothing is touched.

use std::{fs, net::TcpListener, path::Path};

use kayan_journeys::{Done, Home, Service, ask};
use rusqlite::Connection;

/// Asserts a refusal that names the setting and is no panic.
#[track_caller]
fn refused(done: &Done, code: i32, setting: &str, why: &str) {
    assert_eq!(done.code, code, "{done:?}");
    assert!(done.stderr.contains(setting) && done.stderr.contains(why), "{setting} {why}: {done:?}");
    assert!(!done.stderr.contains("panicked") && !done.stderr.contains("RUST_BACKTRACE"), "{done:?}");
}

/// The names and contents of what is in a folder.
fn files(home: &Home) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(home.path(".")).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let mut files: Vec<_> =
        entries.filter(|path| path.is_file()).map(|path| (name(&path), fs::read(&path).unwrap())).collect();
    // Secrets of its own it may have made before it looked at the database.
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
async fn a_folder_that_is_missing_read_only_or_none_is_named() {
    for dsn in
        ["file:nowhere/kayan.db?mode=rwc", "file:/proc/kayan.db", "file:plain/kayan.db", "file:/dev/null/kayan.db"]
    {
        let home = Home::new().with("KAYAN_DB_DSN", dsn);
        fs::write(home.path("plain"), "a file").unwrap();
        let done = home.run("serve").await;
        assert!([1, 78].contains(&done.code), "{dsn}: {done:?}");
        refused(&done, done.code, "KAYAN_DB_DSN", "");
        assert_eq!(files(&home), [("plain".to_owned(), b"a file".to_vec())], "{dsn}");
    }
    let folder = Home::new().with("KAYAN_DB_DSN", "file:.");
    refused(&folder.run("serve").await, 1, "KAYAN_DB_DSN", "is no file");
    let missing = Home::new().with("KAYAN_DB_DSN", "file:none.db?mode=rw");
    refused(&missing.run("serve").await, 1, "KAYAN_DB_DSN", "there is no file");
}

#[tokio::test]
async fn a_corrupt_or_foreign_file_is_refused_and_left_as_it_is() {
    let foreign = Home::new();
    foreign.database().execute_batch("CREATE TABLE recipes (name TEXT); INSERT INTO recipes VALUES ('soup')").unwrap();
    let marked = Home::new();
    marked.database().execute_batch("PRAGMA application_id = 42; CREATE TABLE t (a)").unwrap();
    let noise = Home::new();
    fs::write(noise.path("kayan.db"), "not a database, but long enough to be one".repeat(100)).unwrap();
    let short = Home::new();
    fs::write(short.path("kayan.db"), "SQLite format 3\0").unwrap();
    for (home, why) in
        [(foreign, "another program's"), (marked, "another program's"), (noise, "damaged"), (short, "damaged")]
    {
        let before = files(&home);
        for line in ["serve", "migrate up", "admin user list"] {
            refused(&home.run(line).await, 1, "KAYAN_DB_DSN", why);
        }
        assert_eq!(files(&home), before, "{why}");
    }
}

#[tokio::test]
async fn a_database_of_kayans_that_was_damaged_later_is_refused_or_unhealthy_but_never_a_panic() {
    let home = Service::start().await.kill().await;
    home.database().execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE").unwrap();
    let mut bytes = fs::read(home.path("kayan.db")).unwrap();
    bytes.iter_mut().skip(4096).for_each(|byte| *byte = !*byte);
    fs::write(home.path("kayan.db"), &bytes).unwrap();
    let done = home.run("serve").await;
    assert_eq!(done.code, 1, "{done:?}");
    assert!(!done.stderr.contains("panicked"), "{done:?}");
}

#[tokio::test]
async fn a_schema_newer_than_the_program_is_refused_and_left_as_it_is() {
    let home = Home::new();
    assert_eq!(home.run("migrate up").await.code, 0);
    let newer = "INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (9999, 'future', 'x', 0)";
    home.database().execute(newer, ()).unwrap();
    let rows = |database: Connection| kayan_journeys::count(&database, "SELECT COUNT(*) FROM schema_migrations");
    for line in ["serve", "migrate up", "admin user list"] {
        let done = home.run(line).await;
        assert_eq!(done.code, 1, "{line}: {done:?}");
        assert!(done.stderr.contains("9999") && done.stderr.contains("newer"), "{line}: {done:?}");
        assert_eq!(rows(home.database()), 2);
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
        .with("KAYAN_REDIS_URL", "redis://:hunter2@cache:6379")
        .with("KAYAN_DB_DSN", "postgres://kayan:hunter2@db/kayan");
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

#[tokio::test]
async fn production_starts_with_strong_secrets_and_a_named_database_only() {
    let bare = Home::new().without("KAYAN_BCRYPT_COST").with("KAYAN_ENV", "production");
    let done = bare.run("serve").await;
    for setting in ["KAYAN_DB_TYPE", "KAYAN_DB_DSN", "KAYAN_SESSION_SECRET"] {
        refused(&done, 78, setting, "required in production");
    }
    assert_eq!(files(&bare), []);
    for (secret, why) in [("short", "32"), ("changemechangemechangemechangeme", "well-known"), (&*"a".repeat(64), "")] {
        let home = Home::new().with("KAYAN_ENV", "production").with("KAYAN_DB_TYPE", "sqlite");
        let home = home.with("KAYAN_DB_DSN", "file:kayan.db?mode=rwc").with("KAYAN_SESSION_SECRET", secret);
        let done = home.run("serve").await;
        refused(&done, 78, "KAYAN_SESSION_SECRET", why);
        assert!(secret == "short" || !done.stderr.contains(secret), "{done:?}");
    }
}

#[tokio::test]
async fn in_production_a_service_waits_for_its_migrations_and_is_unavailable_rather_than_broken() {
    let secret = "fZ8v1sQm4tXc7rLp0wKd3yHn6bGj9uAe";
    let home = Home::new().with("KAYAN_ENV", "production").with("KAYAN_DB_TYPE", "sqlite");
    let home = home.with("KAYAN_DB_DSN", "file:kayan.db?mode=rwc").with("KAYAN_BCRYPT_COST", "10");
    let home = home.with("KAYAN_SESSION_SECRET", secret).with("KAYAN_JWT_SECRET", "Qe2kT5nV8xB1mC4zL7pS0dF3gH6jW9rY");
    // It never migrates unasked: it waits, and says for what.
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
