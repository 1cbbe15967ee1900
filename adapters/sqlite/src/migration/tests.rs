//! What migrating promises on SQLite.

use kayan_ports::Commit;
use kayan_sql::{
    Dialect, Driver, DriverError,
    migrate::{self, MigrateError, Migration, MigrationState},
};

use crate::samples::{at, file, login, migrated, raw, registration};

const FIRST: Migration =
    Migration { version: 1, name: "first", up: "CREATE TABLE a (x INTEGER)", down: "DROP TABLE a" };
const SECOND: Migration = Migration {
    version: 2,
    name: "second",
    up: "CREATE TABLE b (x INTEGER); CREATE INDEX b_x ON b (x)",
    down: "DROP TABLE b",
};
const BROKEN: Migration =
    Migration { version: 3, name: "broken", up: "CREATE TABLE c (x INTEGER); CREATE TABLE a (x INTEGER)", down: "" };

fn schema(path: &str) -> Vec<String> {
    let connection = raw(path);
    let mut statement = connection
        .prepare("SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema ORDER BY type, name")
        .unwrap();
    statement.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn states(lines: &[migrate::MigrationStatus]) -> Vec<(u32, MigrationState)> {
    lines.iter().map(|line| (line.version, line.state)).collect()
}

#[tokio::test]
async fn up_down_up_leaves_the_same_schema() {
    let (_folder, path) = file();
    let known = migrate::embedded(Dialect::Sqlite);
    let store = crate::open(&path).unwrap();
    let driver = store.driver();
    let none = migrate::status(driver, known).await.unwrap();
    assert!(none.iter().all(|line| line.state == MigrationState::Pending && line.applied_at.is_none()));
    assert_eq!(migrate::up(driver, known, None, at(0), &mut |_| {}).await.unwrap(), known.len());
    let first = schema(&path);
    store.commit(registration(1)).await.unwrap();
    store.commit(login(1)).await.unwrap();
    assert_eq!(migrate::down(driver, known, 1_000, &mut |_| {}).await.unwrap(), known.len());
    assert!(schema(&path).iter().all(|line| line.contains("schema_migrations")), "{:?}", schema(&path));
    assert_eq!(migrate::up(driver, known, None, at(9), &mut |_| {}).await.unwrap(), known.len());
    assert_eq!(schema(&path), first);
    let lines = migrate::status(driver, known).await.unwrap();
    assert!(lines.iter().all(|line| line.state == MigrationState::Applied && line.applied_at == Some(at(9))));
    assert!(lines.iter().all(|line| line.checksum.len() == 64));
    store.commit(registration(1)).await.unwrap();
}

#[tokio::test]
async fn steps_are_applied_and_taken_back_one_by_one() {
    let (_folder, path) = file();
    let store = crate::open(&path).unwrap();
    let (driver, known) = (store.driver(), [FIRST, SECOND]);
    let mut heard = Vec::new();
    migrate::up(driver, &known, Some(1), at(0), &mut |m| heard.push(m.version)).await.unwrap();
    let lines = migrate::status(driver, &known).await.unwrap();
    assert_eq!(states(&lines), [(1, MigrationState::Applied), (2, MigrationState::Pending)]);
    migrate::up(driver, &known, None, at(0), &mut |m| heard.push(m.version)).await.unwrap();
    assert_eq!(migrate::up(driver, &known, None, at(0), &mut |_| {}).await.unwrap(), 0);
    migrate::down(driver, &known, 1, &mut |m| heard.push(m.version)).await.unwrap();
    assert_eq!(heard, [1, 2, 2]);
    let lines = migrate::status(driver, &known).await.unwrap();
    assert_eq!(states(&lines), [(1, MigrationState::Applied), (2, MigrationState::Pending)]);
    let error = migrate::up(driver, &known, Some(3), at(0), &mut |_| {}).await.unwrap_err();
    assert!(matches!(error, MigrateError::NoSuchVersion { asked: 3, known: 2 }), "{error}");
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_and_keeps_those_before_it() {
    let (_folder, path) = file();
    let store = crate::open(&path).unwrap();
    let (driver, known) = (store.driver(), [FIRST, SECOND, BROKEN]);
    let error = migrate::up(driver, &known, None, at(0), &mut |_| {}).await.unwrap_err();
    assert!(error.to_string().starts_with("migration 0003_broken failed"), "{error}");
    let lines = migrate::status(driver, &known).await.unwrap();
    let expected = [(1, MigrationState::Applied), (2, MigrationState::Applied), (3, MigrationState::Pending)];
    assert_eq!(states(&lines), expected);
    assert!(!schema(&path).iter().any(|line| line.starts_with("table c")));
}

#[tokio::test]
async fn a_migration_may_not_commit_by_itself_nor_leave_dangling_rows() {
    let (_folder, path) = file();
    let store = crate::open(&path).unwrap();
    let dangling = "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE q (p INTEGER REFERENCES p (id));
                    INSERT INTO q VALUES (1)";
    for up in ["CREATE TABLE x (y INTEGER); COMMIT", "RELEASE migration", dangling] {
        let known = [Migration { version: 1, name: "bad", up, down: "" }];
        let error = migrate::up(store.driver(), &known, None, at(0), &mut |_| {}).await.unwrap_err();
        assert!(matches!(error, MigrateError::Failed { why: DriverError::Fault(_), .. }), "{error}");
        assert!(schema(&path).iter().all(|line| line.contains("schema_migrations")), "{:?}", schema(&path));
    }
    migrate::up(store.driver(), &[FIRST], None, at(0), &mut |_| {}).await.unwrap();
}

#[tokio::test]
async fn an_edited_applied_migration_is_an_error_that_names_it() {
    let (_folder, path) = file();
    let store = crate::open(&path).unwrap();
    let driver = store.driver();
    migrate::up(driver, &[FIRST, SECOND], None, at(0), &mut |_| {}).await.unwrap();
    let edited = [FIRST, Migration { up: "CREATE TABLE b (x TEXT)", ..SECOND }];
    for error in [
        migrate::up(driver, &edited, None, at(0), &mut |_| {}).await.unwrap_err(),
        migrate::down(driver, &edited, 1, &mut |_| {}).await.unwrap_err(),
    ] {
        assert!(error.to_string().contains("0002_second"), "{error}");
        assert!(matches!(error, MigrateError::Edited { version: 2, .. }));
    }
    let lines = migrate::status(driver, &edited).await.unwrap();
    assert_eq!(states(&lines), [(1, MigrationState::Applied), (2, MigrationState::Edited)]);
}

#[tokio::test]
async fn a_schema_newer_than_the_program_is_an_error_that_says_both_versions() {
    let (_folder, path) = file();
    let store = crate::open(&path).unwrap();
    let driver = store.driver();
    migrate::up(driver, &[FIRST, SECOND], None, at(0), &mut |_| {}).await.unwrap();
    for error in [
        migrate::up(driver, &[FIRST], None, at(0), &mut |_| {}).await.unwrap_err(),
        migrate::down(driver, &[FIRST], 1, &mut |_| {}).await.unwrap_err(),
    ] {
        assert!(matches!(error, MigrateError::Newer { database: 2, known: 1 }), "{error}");
        assert!(error.to_string().contains('2') && error.to_string().contains('1'), "{error}");
    }
    let lines = migrate::status(driver, &[FIRST]).await.unwrap();
    assert_eq!(states(&lines), [(1, MigrationState::Applied), (2, MigrationState::Unknown)]);
    assert_eq!(lines[1].name, "second");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_that_migrate_at_once_wait_for_each_other_and_both_succeed() {
    let (_folder, path) = file();
    let known = migrate::embedded(Dialect::Sqlite);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..6 {
        // a driver of its own each, as another process has
        let store = crate::open(&path).unwrap();
        tasks.spawn(async move { migrate::up(store.driver(), known, None, at(0), &mut |_| {}).await.unwrap() });
    }
    let applied: usize = tasks.join_all().await.into_iter().sum();
    assert_eq!(applied, known.len(), "each migration was applied once");
}

#[tokio::test]
async fn nobody_else_writes_while_the_lock_is_held() {
    let (_folder, path) = file();
    let store = migrated(&path).await;
    let lock = store.driver().lock().await.unwrap();
    let other = raw(&path);
    other.busy_timeout(std::time::Duration::ZERO).unwrap();
    assert!(other.execute_batch("BEGIN IMMEDIATE").is_err());
    lock.release().await.unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
}

#[tokio::test]
async fn a_lock_that_is_dropped_lets_the_next_one_in_with_nothing_half_done() {
    let (_folder, path) = file();
    for dsn in [&path, ":memory:"] {
        let store = migrated(dsn).await;
        let mut lock = store.driver().lock().await.unwrap();
        lock.run("CREATE TABLE half (x INTEGER)", None).await.unwrap();
        drop(lock);
        let mut lock = store.driver().lock().await.unwrap();
        lock.run("CREATE TABLE half (x INTEGER)", None).await.unwrap();
        lock.release().await.unwrap();
        let keys: i64 = {
            let connection = store.driver().connection.lock().await;
            connection.pragma_query_value(None, "foreign_keys", |row| row.get(0)).unwrap()
        };
        assert_eq!(keys, 1, "keys are enforced again");
        store.commit(registration(1)).await.unwrap();
    }
}
