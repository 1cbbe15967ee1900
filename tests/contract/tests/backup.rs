//! What is taken out of one database and put into another is all there was, as it was.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a database that cannot be set up breaks the test")]

#[path = "tampering/mysql_database.rs"]
mod mysql_database;

use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc};

use async_trait::async_trait;
use kayan_contract::{
    Bench, furnish,
    throw_away::{POSTGRES, PostgresDatabase},
};
use kayan_ports::{Stores, TenantId, Timestamp};
use kayan_sql::{
    Dialect, Driver, Expect, Query, Reading, SqlStore, Statement, Value,
    backup::{self, LEFT_OUT, Part, Restore, RestoreError, TABLES},
    migrate,
};
use tempfile::TempDir;
use time::macros::datetime;
use uuid::Uuid;

const NOW: Timestamp = datetime!(2026-05-01 12:00 UTC);

/// What keeps a database for as long as a test needs it.
enum Keeper {
    Folder { _folder: TempDir },
    Postgres { _database: PostgresDatabase },
    Mysql { _database: mysql_database::Database },
}

struct Base {
    driver: Arc<dyn Driver>,
    // behind the driver, which uses it
    _keeper: Keeper,
}

impl Base {
    /// An empty one, not migrated.
    async fn new(dialect: Dialect) -> Self {
        let (driver, keeper): (Arc<dyn Driver>, _) = match dialect {
            Dialect::Sqlite => {
                let folder = TempDir::new().unwrap();
                let dsn = format!("file:{}?mode=rwc", folder.path().join("kayan.db").display());
                let driver = kayan_sqlite::SqliteDriver::open(&dsn, kayan_sqlite::Settings::default());
                (Arc::new(driver.unwrap()), Keeper::Folder { _folder: folder })
            }
            Dialect::Postgres => {
                let database = PostgresDatabase::create().await;
                let patience = std::time::Duration::from_secs(30);
                let settings = kayan_postgres::Settings { patience, ..kayan_postgres::Settings::default() };
                let driver = kayan_postgres::PostgresDriver::connect(&database.dsn(POSTGRES), settings);
                (Arc::new(driver.unwrap()), Keeper::Postgres { _database: database })
            }
            Dialect::MySql => {
                let database = mysql_database::Database::create().await;
                let driver = kayan_mysql::MysqlDriver::connect(&database.dsn(), kayan_mysql::Settings::default());
                (Arc::new(driver.unwrap()), Keeper::Mysql { _database: database })
            }
        };
        Self { driver, _keeper: keeper }
    }

    async fn migrated(dialect: Dialect) -> Self {
        let base = Self::new(dialect).await;
        migrate::up(&*base.driver, migrate::embedded(dialect), None, NOW, &mut |_| {}).await.unwrap();
        base
    }

    /// One with rows in every table.
    async fn furnished(dialect: Dialect) -> Self {
        let base = Self::migrated(dialect).await;
        for _ in 0..3 {
            furnish(&base).await;
        }
        let rows =
            base.driver.read(scan("-- test.one\nSELECT id, tenant_id FROM identities ORDER BY id LIMIT 1")).await;
        let mut one = rows.unwrap().pop().unwrap();
        let (whom, tenant) = (one.uuid().unwrap(), one.text().unwrap());
        let tenant = || Value::text(&tenant);
        base.write(
            "INSERT INTO timed_locks (identity_id, tenant_id, locked_until) VALUES (?, ?, ?)",
            vec![whom.into(), tenant(), datetime!(2027-01-01 00:00:00.000001 UTC).into()],
        )
        .await;
        base.write(
            "INSERT INTO known_networks (identity_id, network, tenant_id, last_login_at) VALUES (?, ?, ?, ?)",
            vec![whom.into(), "2001:db8::/64".into(), tenant(), NOW.into()],
        )
        .await;
        base.write(
            "INSERT INTO attempts (tenant_id, identifier_hash, network, failures, last_at) VALUES (?, ?, ?, ?, ?)",
            vec![tenant(), [0xff; 32].into(), "".into(), 3_i64.into(), NOW.into()],
        )
        .await;
        let data_key = "INSERT INTO data_keys (id, tenant_id, wrapped, wrapped_by, version, created_at, updated_at)
            VALUES (1, '', ?, 'data-key', ?, ?, ?)";
        base.write(data_key, vec![vec![0, 0xff, 0x27].into(), 7_i64.into(), NOW.into(), NOW.into()]).await;
        // Long ago, as the trail of an old installation; and with texts that are easily mangled.
        let event = "INSERT INTO audit_events (id, tenant_id, type, status, message, metadata, risk_score, created_at)
            VALUES (?, 'default', 'auth.logout', 'success', ?, ?, 0, ?)";
        for (number, at) in (1..).zip([datetime!(2024-12-31 23:59:59.999999 UTC), datetime!(2025-02-01 00:00 UTC)]) {
            let document = Value::Json("{\"b\": 1e16, \"a\":\"\\u0000 \u{1f980}\"}".to_owned());
            base.write(event, vec![Uuid::from_u128(number).into(), "Zoë ' \\ ; -- ? ".into(), document, at.into()])
                .await;
        }
        base
    }

    async fn write(&self, sql: &'static str, params: Vec<Value>) {
        self.driver.apply(vec![Statement { sql, params, expect: Expect::One }]).await.unwrap();
    }

    /// Everything, each table's rows in an order that is the same everywhere.
    async fn taken(&self) -> Taken {
        let mut taken = Taken::new();
        let mut take = |part| {
            add(&mut taken, part);
            ControlFlow::Continue(())
        };
        backup::take_out(&*self.driver, &mut take).await.unwrap();
        sorted(taken)
    }

    async fn begin(&self) -> Result<Restore, RestoreError> {
        Restore::begin(&*self.driver, migrate::newest(), NOW).await
    }
}

#[async_trait]
impl Bench for Base {
    fn store(&self) -> Stores {
        Stores::new(Arc::new(SqlStore::new(self.driver.clone())))
    }

    async fn add_tenant(&self, tenant: &TenantId, active: bool) {
        let sql = "INSERT INTO tenants (id, active, created_at) VALUES (?, ?, ?)";
        self.write(sql, vec![Value::text(tenant.as_str()), active.into(), NOW.into()]).await;
    }
}

type Taken = BTreeMap<&'static str, Vec<Vec<Value>>>;

fn add(taken: &mut Taken, part: Part) {
    if let Part::Rows(table, rows) = part {
        taken.entry(table.name).or_default().extend(rows);
    }
}

fn sorted(mut taken: Taken) -> Taken {
    for rows in taken.values_mut() {
        rows.sort_by_cached_key(|row| format!("{row:?}"));
    }
    taken
}

fn scan(sql: &'static str) -> Query {
    Query { sql, params: Vec::new(), reading: Reading::Scan }
}

async fn put(taken: &Taken, restore: &mut Restore) {
    for table in TABLES {
        let mut loading = Restore::loading(table.name, table.columns);
        restore.load(&mut loading, taken.get(table.name).cloned().unwrap_or_default()).await.unwrap();
        restore.check(&loading).await.unwrap();
    }
}

/// Takes everything through all of these, and expects it to be the same at the end of each step.
async fn moved(through: [Dialect; 4]) {
    let [first, others @ ..] = through;
    let mut base = Base::furnished(first).await;
    let all = base.taken().await;
    let empty: Vec<_> = TABLES.iter().filter(|table| !all.contains_key(table.name)).map(|table| table.name).collect();
    assert!(empty.is_empty(), "nothing is proven of {empty:?}");
    for dialect in others {
        let taken = base.taken().await;
        base = Base::new(dialect).await;
        let mut restore = base.begin().await.unwrap();
        let months = [(2024, 12), (2025, 2), (2026, 3)].into_iter().collect();
        restore.make_months(&months).await.unwrap();
        put(&taken, &mut restore).await;
        restore.finish(Vec::new()).await.unwrap();
        let arrived = base.taken().await;
        for (table, rows) in &all {
            assert_eq!(arrived.get(table), Some(rows), "{table} on {dialect:?}");
        }
    }
    if let Dialect::Postgres = through[3] {
        let sql = "-- test.left_over\nSELECT COUNT(*) FROM audit_events_default";
        let left_over = base.driver.read(scan(sql)).await.unwrap().pop().unwrap().int().unwrap();
        assert_eq!(left_over, 0, "events of old months have partitions, too");
    }
}

#[tokio::test]
async fn everything_moves_from_sqlite_to_postgres_to_mysql_to_sqlite_as_it_was() {
    moved([Dialect::Sqlite, Dialect::Postgres, Dialect::MySql, Dialect::Sqlite]).await;
}

#[tokio::test]
async fn everything_moves_from_postgres_to_sqlite_to_mysql_to_postgres_as_it_was() {
    moved([Dialect::Postgres, Dialect::Sqlite, Dialect::MySql, Dialect::Postgres]).await;
}

/// Every column of every table there is.
async fn columns(dialect: Dialect) {
    let base = Base::migrated(dialect).await;
    let sql = match dialect {
        Dialect::Sqlite => {
            "-- test.columns
SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c
WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'"
        }
        Dialect::Postgres => {
            "-- test.columns
SELECT c.relname::text, a.attname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND a.attnum > 0 AND NOT a.attisdropped"
        }
        Dialect::MySql => {
            "-- test.columns
SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()"
        }
    };
    let rows = base.driver.read(scan(sql)).await.unwrap();
    let there = rows.into_iter().map(|mut row| (row.text().unwrap(), row.text().unwrap()));
    let mut there: Vec<_> = there.filter(|(table, _)| table != LEFT_OUT).collect();
    let named = |name: &str, of: &str| (name.to_owned(), of.to_owned());
    let listed = TABLES.iter().flat_map(|table| table.columns.iter().map(|(column, _)| named(table.name, column)));
    let mut listed: Vec<_> = listed.collect();
    there.sort();
    listed.sort();
    let missing: Vec<_> = there.iter().filter(|column| !listed.contains(column)).collect();
    assert!(missing.is_empty(), "in no backup: {missing:?}; list them in adapters/sql/src/backup/tables.rs");
    assert_eq!(listed, there);
}

async fn users_of_no_tenant(base: &Base, all: &Taken) -> Result<(), RestoreError> {
    let mut restore = base.begin().await?;
    let table = TABLES.iter().find(|table| table.name == "identities").unwrap();
    let mut loading = Restore::loading(table.name, table.columns);
    restore.load(&mut loading, all["identities"].clone()).await?;
    restore.finish(Vec::new()).await
}

/// A restore that ends before its end, however far it was.
async fn broken_off(dialect: Dialect) {
    let all = Base::furnished(dialect).await.taken().await;
    let base = Base::new(dialect).await;
    let mut restore = base.begin().await.unwrap();
    put(&all, &mut restore).await;
    drop(restore);
    // The same again, and then something that can't be: a user of no tenant.
    assert!(users_of_no_tenant(&base, &all).await.is_err(), "{dialect:?}");
    let mut restore = base.begin().await.unwrap();
    put(&all, &mut restore).await;
    restore.finish(Vec::new()).await.unwrap();
    assert_eq!(base.taken().await, all);
    let again = base.begin().await;
    assert!(matches!(again, Err(RestoreError::NotEmpty { table: "identities", rows: 6 })), "{:?}", again.err());
}

/// What is written while a snapshot is read.
async fn as_of_one_moment(dialect: Dialect) {
    let base = Base::furnished(dialect).await;
    let (before, mut taken) = (base.taken().await, Taken::new());
    let mut take = |part| {
        if let Part::Version(_) = part {
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(furnish(&base)));
        }
        add(&mut taken, part);
        ControlFlow::Continue(())
    };
    backup::take_out(&*base.driver, &mut take).await.unwrap();
    assert_eq!(sorted(taken), before, "{dialect:?}");
    assert_ne!(base.taken().await, before, "something was written meanwhile");
}

macro_rules! on_each {
    ($($database:ident = $dialect:expr),+) => {
        $(mod $database {
            use kayan_sql::Dialect;

            #[tokio::test]
            async fn every_table_and_column_is_in_a_backup() {
                super::columns($dialect).await;
            }

            #[tokio::test]
            async fn a_restore_that_is_broken_off_leaves_an_empty_database() {
                super::broken_off($dialect).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_backup_holds_nothing_that_was_written_while_it_was_made() {
                super::as_of_one_moment($dialect).await;
            }
        })+
    };
}

on_each!(sqlite = Dialect::Sqlite, postgres = Dialect::Postgres, mysql = Dialect::MySql);
