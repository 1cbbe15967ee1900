//! A database with the newest schema and rows in every table.

use std::sync::Arc;

use async_trait::async_trait;
use kayan_contract::{
    Bench, furnish,
    throw_away::{POSTGRES, PostgresDatabase},
};
use kayan_ports::{Stores, TenantId, Timestamp};
use kayan_sql::{Dialect, Driver, Expect, Query, Reading, SqlStore, Statement, Value, migrate};
use tempfile::TempDir;
use time::macros::datetime;
use uuid::Uuid;

use crate::mysql_database;

pub(crate) const NOW: Timestamp = datetime!(2026-05-01 12:00 UTC);

/// What keeps a database for as long as a test needs it.
enum Keeper {
    Folder { _folder: TempDir },
    Postgres { _database: PostgresDatabase },
    Mysql { _database: mysql_database::Database },
}

pub(crate) struct Base {
    pub(crate) driver: Arc<dyn Driver>,
    // behind the driver, which uses it
    _keeper: Keeper,
}

impl Base {
    /// An empty one, not migrated.
    pub(crate) async fn new(dialect: Dialect) -> Self {
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

    pub(crate) async fn migrated(dialect: Dialect) -> Self {
        let base = Self::new(dialect).await;
        migrate::up(&*base.driver, migrate::embedded(dialect), None, NOW, &mut |_| {}).await.unwrap();
        base
    }

    /// One with rows in every table.
    pub(crate) async fn furnished(dialect: Dialect) -> Self {
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

    pub(crate) async fn write(&self, sql: &'static str, params: Vec<Value>) {
        self.driver.apply(vec![Statement { sql, params, expect: Expect::One }]).await.unwrap();
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

pub(crate) fn scan(sql: &'static str) -> Query {
    Query { sql, params: Vec::new(), reading: Reading::Scan }
}
