//! What a DBA sees of a guard that failed, and who can run guarded statements, and where.
#![expect(clippy::unwrap_used, reason = "test code: what goes wrong fails the test")]

use std::process::{Command, Stdio};

use kayan_contract::throw_away::{PGBOUNCER, POSTGRES, PostgresDatabase};
use kayan_postgres::{Mode, PostgresDriver, Settings};
use kayan_sql::{ApplyError, Dialect, Driver, Expect, Statement, Value, migrate};
use time::macros::datetime;
use tokio_postgres::error::SqlState;

const AT: kayan_ports::Timestamp = datetime!(2026-01-01 00:00 UTC);

fn driver(dsn: &str, statements: Mode) -> PostgresDriver {
    PostgresDriver::connect(dsn, Settings { statements, ..Settings::default() }).unwrap()
}

async fn migrated(database: &PostgresDatabase, options: &str) -> PostgresDriver {
    let driver = driver(&format!("{}{options}", database.dsn(POSTGRES)), Mode::Prepared);
    migrate::up(&driver, migrate::embedded(Dialect::Postgres), None, AT, &mut |_| {}).await.unwrap();
    driver
}

fn touch(id: &'static str) -> Statement {
    let sql = "-- tenants.touch\nUPDATE tenants SET created_at = ? WHERE id = ?";
    Statement { sql, params: vec![AT.into(), Value::from(id)], expect: Expect::One }
}

/// A guard that holds lets a batch through, and one that fails rolls it back.
async fn guards_work(driver: &PostgresDriver) {
    assert_eq!(driver.apply(vec![touch("default")]).await, Ok(()));
    assert_eq!(driver.apply(vec![touch("default"), touch("no-such-tenant")]).await, Err(ApplyError::Guard(1)));
}

#[tokio::test]
async fn a_failed_guard_is_an_error_of_its_own_that_names_the_statement() {
    let database = PostgresDatabase::create().await;
    guards_work(&migrated(&database, "").await).await;
    guards_work(&driver(&database.dsn(PGBOUNCER), Mode::Unnamed)).await;
    let failed = database.connection().await.batch_execute("SELECT kayan_guard_failed('tenants.touch')").await;
    let failed = failed.unwrap_err();
    let said = failed.as_db_error().unwrap();
    assert_eq!((said.code().code(), said.message()), ("KY001", "kayan: guard of tenants.touch failed"));
}

#[tokio::test]
async fn a_role_that_may_only_read_and_write_rows_can_run_guarded_statements() {
    let database = PostgresDatabase::create().await;
    let (operator, role) = (database.connection().await, format!("{}_service", database.name()));
    // As on a hardened server, where nothing is granted to everybody.
    operator.batch_execute("ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC").await.unwrap();
    migrated(&database, "").await;
    let grants = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'throw-away';
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"
    );
    operator.batch_execute(&grants).await.unwrap();
    let dsn = database.dsn(POSTGRES);
    let (_, place) = dsn.split_once('@').unwrap();
    let service = driver(&format!("postgres://{role}:throw-away@{place}"), Mode::Prepared);
    guards_work(&service).await;
    drop(service);
    operator.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
}

#[tokio::test]
async fn guards_work_in_a_schema_of_their_own_and_in_a_restored_dump() {
    let (database, restored) = (PostgresDatabase::create().await, PostgresDatabase::create().await);
    database.connection().await.batch_execute("CREATE SCHEMA kayan").await.unwrap();
    let options = "?options=-csearch_path%3Dkayan";
    guards_work(&migrated(&database, options).await).await;
    let mut dump = Command::new("pg_dump").arg(database.dsn(POSTGRES)).stdout(Stdio::piped()).spawn().unwrap();
    let mut restore = Command::new("psql");
    restore.args(["--quiet", "--output=/dev/null", "--set=ON_ERROR_STOP=1"]).arg(restored.dsn(POSTGRES));
    assert!(restore.stdin(dump.stdout.take().unwrap()).status().unwrap().success());
    assert!(dump.wait().unwrap().success());
    guards_work(&driver(&format!("{}{options}", restored.dsn(POSTGRES)), Mode::Prepared)).await;
}

#[tokio::test]
async fn a_schema_without_the_guards_function_is_not_migrated() {
    let database = PostgresDatabase::create().await;
    let driver = migrated(&database, "").await;
    guards_work(&driver).await;
    let known = migrate::embedded(Dialect::Postgres);
    let steps = known.iter().filter(|migration| migration.version >= 11).count();
    migrate::down(&driver, known, u32::try_from(steps).unwrap(), &mut |_| {}).await.unwrap();
    let operator = database.connection().await;
    let gone = operator.batch_execute("SELECT kayan_guard_failed('a.b')").await.unwrap_err();
    assert_eq!(gone.code(), Some(&SqlState::UNDEFINED_FUNCTION));
    for driver in [self::driver(&database.dsn(POSTGRES), Mode::Prepared), driver] {
        let refused = driver.apply(vec![touch("default")]).await;
        assert!(matches!(&refused, Err(ApplyError::Unavailable(why)) if why.contains("not migrated")), "{refused:?}");
    }
}
