//! What migrating promises.

use kayan_mysql::MysqlDriver;
use kayan_ports::Timestamp;
use kayan_sql::{
    Dialect, Driver, DriverError,
    migrate::{self, MigrateError, Migration, MigrationState},
};
use time::macros::datetime;
use tokio::task::JoinSet;

use crate::database::{Database, read, run};

const AT: Timestamp = datetime!(2026-01-01 00:00:00.000001 UTC);

async fn schema(driver: &MysqlDriver) -> Vec<String> {
    let sql = "SELECT CONCAT_WS(' ', table_name, column_name, column_type, is_nullable, column_default, collation_name)
FROM information_schema.columns WHERE table_schema = DATABASE()
UNION ALL
SELECT CONCAT_WS(' ', table_name, index_name, seq_in_index, column_name, non_unique)
FROM information_schema.statistics WHERE table_schema = DATABASE()
ORDER BY 1";
    read(driver, sql, vec![]).await.unwrap().into_iter().map(|mut row| row.text().unwrap()).collect()
}

fn states(lines: &[migrate::MigrationStatus]) -> Vec<(u32, MigrationState)> {
    lines.iter().map(|line| (line.version, line.state)).collect()
}

#[tokio::test]
async fn up_down_up_leaves_the_same_schema() {
    let database = Database::create().await;
    let (driver, known) = (database.driver(), migrate::embedded(Dialect::MySql));
    let none = migrate::status(&driver, known).await.unwrap();
    assert!(none.iter().all(|line| line.state == MigrationState::Pending));
    assert_eq!(migrate::up(&driver, known, None, AT, &mut |_| {}).await.unwrap(), known.len());
    let first = schema(&driver).await;
    assert_eq!(migrate::down(&driver, known, 1_000, &mut |_| {}).await.unwrap(), known.len());
    let left = schema(&driver).await;
    assert!(left.iter().all(|line| line.starts_with("schema_migrations ")), "{left:?}");
    assert_eq!(migrate::up(&driver, known, None, AT, &mut |_| {}).await.unwrap(), known.len());
    assert_eq!(schema(&driver).await, first);
    let lines = migrate::status(&driver, known).await.unwrap();
    assert!(lines.iter().all(|line| line.state == MigrationState::Applied && line.applied_at == Some(AT)));
}

#[tokio::test]
async fn the_schema_has_the_version_numbers_and_tables_of_the_other_databases() {
    let numbers = |dialect| migrate::embedded(dialect).iter().map(|m| (m.version, m.name)).collect::<Vec<_>>();
    assert_eq!(numbers(Dialect::MySql), numbers(Dialect::Sqlite));
}

#[tokio::test]
async fn every_text_is_compared_by_its_bytes() {
    let database = Database::create().await;
    let (driver, known) = (database.driver(), migrate::embedded(Dialect::MySql));
    migrate::up(&driver, known, None, AT, &mut |_| {}).await.unwrap();
    let sql = "SELECT CONCAT_WS(' ', table_name, column_name, collation_name) FROM information_schema.columns
WHERE table_schema = DATABASE() AND table_name <> 'schema_migrations' AND collation_name IS NOT NULL
  AND collation_name NOT IN ('utf8mb4_nopad_bin', 'utf8mb4_0900_bin')
  AND NOT (collation_name = 'ascii_bin' AND column_type = 'char(36)')";
    let odd = read(&driver, sql, vec![]).await.unwrap();
    assert!(odd.is_empty(), "{odd:?}");
}

#[tokio::test]
async fn a_step_that_fails_is_not_recorded_says_what_to_do_and_can_be_repeated() {
    let database = Database::create().await;
    let driver = database.driver();
    let step = |up| Migration { version: 1, name: "step", up, down: "DROP TABLE IF EXISTS a" };
    let broken = "CREATE TABLE IF NOT EXISTS a (x int); CREATE TABLE b (y nonsense);";
    let error = migrate::up(&driver, &[step(broken)], None, AT, &mut |_| {}).await.unwrap_err();
    assert!(matches!(&error, MigrateError::Failed { version: 1, why: DriverError::Fault(_), .. }), "{error}");
    assert!(error.to_string().contains("run the same command again"), "{error}");
    let mended = [step("CREATE TABLE IF NOT EXISTS a (x int); CREATE TABLE b (y int);\n-- done\n")];
    let pending = migrate::status(&driver, &mended).await.unwrap();
    assert_eq!(states(&pending), [(1, MigrationState::Pending)]);
    assert_eq!(migrate::up(&driver, &mended, None, AT, &mut |_| {}).await.unwrap(), 1);
}

#[tokio::test]
async fn the_schema_itself_can_be_repeated_from_any_point() {
    let database = Database::create().await;
    let driver = database.driver();
    for migration in migrate::embedded(Dialect::MySql) {
        for script in [migration.up, migration.up, migration.down, migration.down, migration.up] {
            run(&driver, script).await;
        }
    }
}

#[tokio::test]
async fn a_step_for_another_database_may_be_empty_here() {
    let database = Database::create().await;
    let driver = database.driver();
    let known = [Migration { version: 1, name: "elsewhere", up: "-- Nothing to do here.\n", down: "" }];
    assert_eq!(migrate::up(&driver, &known, None, AT, &mut |_| {}).await.unwrap(), 1);
    assert_eq!(migrate::down(&driver, &known, 1, &mut |_| {}).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn those_that_migrate_at_once_wait_for_each_other_and_all_succeed() {
    let database = Database::create().await;
    let known = migrate::embedded(Dialect::MySql);
    let mut tasks = JoinSet::new();
    for _ in 0..6 {
        // a driver of its own each, as another process has
        let driver = database.driver();
        tasks.spawn(async move { migrate::up(&driver, known, None, AT, &mut |_| {}).await.unwrap() });
    }
    let applied: usize = tasks.join_all().await.into_iter().sum();
    assert_eq!(applied, known.len(), "each migration was applied once");
}

#[tokio::test]
async fn a_holder_that_goes_away_lets_the_next_one_in_and_not_before() {
    let database = Database::create().await;
    let (driver, other) = (database.driver(), database.driver());
    let held = driver.lock().await.unwrap();
    let mut waiting = tokio::spawn(async move { other.lock().await.map(drop) });
    let early = tokio::time::timeout(std::time::Duration::from_millis(200), &mut waiting).await;
    assert!(early.is_err(), "two hold it");
    drop(held);
    assert_eq!(waiting.await.unwrap(), Ok(()));
}
