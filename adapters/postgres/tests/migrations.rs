//! The schema, up and down, by one process and by two at once; and the months of the audit trail.
#![expect(clippy::unwrap_used, reason = "test code: what goes wrong fails the test")]

use kayan_contract::throw_away::{PGBOUNCER, POSTGRES, PostgresDatabase};
use kayan_ports::{Change, Commit, PurgeEvents, Scope, TenantId};
use kayan_postgres::{Mode, PostgresDriver, Settings};
use kayan_sql::{
    Dialect, Driver, DriverError, SqlStore,
    migrate::{self, MigrateError, Migration, MigrationState},
};
use time::macros::datetime;

const AT: kayan_ports::Timestamp = datetime!(2026-01-01 00:00:00.000001 UTC);

fn drivers(database: &PostgresDatabase) -> [PostgresDriver; 2] {
    [(POSTGRES, Mode::Prepared), (PGBOUNCER, Mode::Unnamed)].map(|(place, statements)| {
        PostgresDriver::connect(&database.dsn(place), Settings { statements, ..Settings::default() }).unwrap()
    })
}

async fn up(driver: &PostgresDriver, known: &[Migration]) -> Result<usize, MigrateError> {
    migrate::up(driver, known, None, AT, &mut |_| {}).await
}

#[tokio::test]
async fn migrations_go_up_and_down_and_leave_nothing() {
    let (database, known) = (PostgresDatabase::create().await, migrate::embedded(Dialect::Postgres));
    let operator = database.connection().await;
    for driver in drivers(&database) {
        assert_eq!(up(&driver, known).await.unwrap(), known.len());
        let lines = migrate::status(&driver, known).await.unwrap();
        assert!(lines.iter().all(|line| line.state == MigrationState::Applied && line.applied_at == Some(AT)));
        assert_eq!(migrate::down(&driver, known, u32::MAX, &mut |_| {}).await.unwrap(), known.len());
        let left =
            "SELECT COUNT(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S')";
        assert_eq!(operator.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 1, "schema_migrations alone stays");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_migrate_at_once_apply_everything_once() {
    let (database, known) = (PostgresDatabase::create().await, migrate::embedded(Dialect::Postgres));
    let [one, two] = drivers(&database);
    let (first, second) = tokio::join!(up(&one, known), up(&two, known));
    assert_eq!(first.unwrap() + second.unwrap(), known.len());
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_and_lets_go() {
    let database = PostgresDatabase::create().await;
    let [driver, other] = drivers(&database);
    let bad = |up| Migration { version: 1, name: "bad", up, down: "" };
    let broken = up(&driver, &[bad("CREATE TABLE half (id integer); CREATE TABLE half (id integer)")]).await;
    assert!(matches!(broken, Err(MigrateError::Failed { why: DriverError::Fault(_), .. })), "{broken:?}");
    let escaping = up(&driver, &[bad("COMMIT; SELECT 1")]).await.unwrap_err();
    assert!(escaping.to_string().contains("take BEGIN, COMMIT"), "{escaping}");
    let lines = migrate::status(&driver, &[bad("")]).await.unwrap();
    assert!(lines.iter().all(|line| line.state == MigrationState::Pending), "{lines:?}");
    drop(driver.lock().await.unwrap());
    assert_eq!(up(&other, &[bad("CREATE TABLE half (id integer)")]).await.unwrap(), 1);
}

#[tokio::test]
async fn partitions_are_made_ahead_and_what_came_before_them_moves_in() {
    let (database, known) = (PostgresDatabase::create().await, migrate::embedded(Dialect::Postgres));
    let operator = database.connection().await;
    let [driver, _] = drivers(&database);
    up(&driver, known).await.unwrap();
    let number = async |sql: &str| operator.query_one(sql, &[]).await.unwrap().get::<_, i64>(0);
    let partitions = "SELECT COUNT(*) FROM pg_inherits WHERE inhparent = 'audit_events'::regclass";
    assert_eq!(number(partitions).await, 14, "this month, twelve more and the default");
    let event = "INSERT INTO audit_events (id, tenant_id, type, status, message, metadata, risk_score, created_at)
        SELECT gen_random_uuid(), 'default', 'x', 'success', '', '{}', 0, now() + make_interval(months => months)
        FROM generate_series(0, 14) months";
    operator.batch_execute(event).await.unwrap();
    let stray = "SELECT COUNT(*) FROM audit_events_default";
    assert_eq!(number(stray).await, 2);
    assert_eq!(number("SELECT make_audit_partitions(14)::bigint").await, 2);
    assert_eq!(number("SELECT make_audit_partitions(14)::bigint").await, 0);
    assert_eq!((number(stray).await, number("SELECT COUNT(*) FROM audit_events").await), (0, 15));
}

#[tokio::test]
async fn a_purge_drops_the_months_that_lie_wholly_before_it() {
    let (database, known) = (PostgresDatabase::create().await, migrate::embedded(Dialect::Postgres));
    let operator = database.connection().await;
    for (year, driver) in [2023, 2024].into_iter().zip(drivers(&database)) {
        up(&driver, known).await.unwrap();
        let store = SqlStore::new(driver);
        let number = async |sql: &str| operator.query_one(sql, &[]).await.unwrap().get::<_, i64>(0);
        let partitions = "SELECT COUNT(*) FROM pg_inherits WHERE inhparent = 'audit_events'::regclass";
        for month in 1..=3 {
            let (from, to) = (format!("{year}-0{month}-01 00:00+00"), format!("{year}-0{}-01 00:00+00", month + 1));
            let sql = format!(
                "CREATE TABLE audit_events_{year}_0{month} PARTITION OF audit_events FOR VALUES FROM ('{from}') TO ('{to}');
                 INSERT INTO audit_events (id, tenant_id, type, status, message, metadata, risk_score, created_at)
                 SELECT gen_random_uuid(), 'default', 'auth.logout', 'success', '', '{{}}', 0, day
                 FROM generate_series('{from}'::timestamptz, '{to}'::timestamptz - interval '1 day', interval '1 day') day"
            );
            operator.batch_execute(&sql).await.unwrap();
        }
        assert_eq!(number(partitions).await, 17);
        let (until, parts_until) = (datetime!(2023-01-11 0:00 UTC), datetime!(2023-03-11 0:00 UTC));
        let [until, parts_until] = [until, parts_until].map(|at| at.replace_year(year).unwrap());
        let purge = |scope: Scope, until| vec![Change::PurgeEvents(PurgeEvents { scope, until, parts_until })];
        store.commit(purge(Scope::from(&TenantId::default()), until)).await.unwrap();
        assert_eq!(number(partitions).await, 17, "a tenant's purge leaves the others' rows alone");
        store.commit(purge(Scope::System, until)).await.unwrap();
        let left = "SELECT COUNT(*) FROM audit_events";
        assert_eq!((number(partitions).await, number(left).await), (15, 31), "two months are gone at once");
        store.commit(purge(Scope::System, parts_until)).await.unwrap();
        assert_eq!((number(partitions).await, number(left).await), (15, 21), "and ten days of the third row by row");
        operator.batch_execute(&format!("DROP TABLE audit_events_{year}_03")).await.unwrap();
    }
}
