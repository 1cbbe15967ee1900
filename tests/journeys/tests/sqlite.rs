//! A database that is a file: it is created automatically, can be damaged, and is locked by one process.

use std::{fs, os::unix::fs::PermissionsExt};

use kayan_journeys::{Home, Kind, PASSWORD, Person, Service, ask};
use rusqlite::Connection;

use crate::{
    doctor, guide, migrate_plan,
    starting::{files, refused},
};

/// A connection to the file, beside the service's own.
fn file(home: &Home) -> Connection {
    Connection::open(home.path("kayan.db")).unwrap()
}

#[tokio::test]
async fn the_guides_lines_run_as_printed_on_sqlite() {
    guide::three_sections_run_as_printed(Kind::Sqlite).await;
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
    refused(&folder.run("serve").await, 78, "KAYAN_DB_DSN", "is no file");
    let missing = Home::new().with("KAYAN_DB_DSN", "file:none.db?mode=rw");
    refused(&missing.run("serve").await, 78, "KAYAN_DB_DSN", "there is no file");
}

#[tokio::test]
async fn a_corrupt_or_foreign_file_is_refused_and_left_as_it_is() {
    let foreign = Home::new();
    file(&foreign).execute_batch("CREATE TABLE recipes (name TEXT); INSERT INTO recipes VALUES ('soup')").unwrap();
    let marked = Home::new();
    file(&marked).execute_batch("PRAGMA application_id = 42; CREATE TABLE t (a)").unwrap();
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
    file(&home).execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE").unwrap();
    let mut bytes = fs::read(home.path("kayan.db")).unwrap();
    bytes.iter_mut().skip(4096).for_each(|byte| *byte = !*byte);
    fs::write(home.path("kayan.db"), &bytes).unwrap();
    let done = home.run("serve").await;
    assert_eq!(done.code, 1, "{done:?}");
    assert!(!done.stderr.contains("panicked"), "{done:?}");
}

#[tokio::test]
async fn a_database_that_another_process_keeps_locked_is_unavailable_and_not_a_failure() {
    let service = Service::start().await;
    let ada = Person::register(&service.client(), "ada").await;
    let database = file(service.home());
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = ask(Person::registration(&ada.client, "eve@example.com")).await.refused(503, "unavailable");
    assert!(!answer.header("retry-after").is_empty());
    ada.who_am_i().await.expect(200);
    database.execute_batch("ROLLBACK").unwrap();
    ask(Person::registration(&ada.client, "eve@example.com")).await.expect(201);
}

#[tokio::test]
async fn development_needs_nothing_set_and_keeps_its_secrets_to_itself() {
    let service = Service::start_in(Home::newcomers()).await;
    let log = service.log();
    for part in ["/docs", "/health", "kayan admin user create"] {
        assert!(log.contains(part), "{part}: {log}");
    }
    let ada = Person::register(&service.client(), "ada").await;
    for name in ["kayan.db", "kayan.secrets"] {
        let mode = fs::metadata(service.home().path(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
    let kept = fs::read(service.home().path("kayan.secrets")).unwrap();
    let service = Service::start_in(service.kill().await).await;
    assert_eq!(fs::read(service.home().path("kayan.secrets")).unwrap(), kept);
    ask(Person::login(&service.client(), &ada.email, PASSWORD)).await.expect(200);
}

#[tokio::test]
async fn an_admin_token_made_before_the_first_start_is_good_after_it_in_development() {
    let home = Home::newcomers();
    let made = home.run("admin token create --permissions *").await;
    assert_eq!(made.code, 0, "{made:?}");
    let service = Service::start_in(home).await;
    let list = service.client().get("/admin/users").bearer_auth(made.stdout.trim_end());
    ask(list).await.expect(200);
}

#[tokio::test]
async fn a_plan_neither_makes_nor_changes_a_file() {
    migrate_plan::a_file_is_neither_made_nor_changed().await;
}

#[tokio::test]
async fn a_file_that_others_may_read_is_found() {
    doctor::finds_a_file_that_others_may_read().await;
}
