//! The laws of the store, kept by MySQL or MariaDB.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot be set up breaks the test")]

#[path = "tampering/mysql_database.rs"]
mod mysql_database;

use std::sync::Arc;

use async_trait::async_trait;
use kayan_contract::{AttemptsBench, Bench, Durable, KeysBench};
use kayan_mysql::MysqlDriver;
use kayan_ports::{Stores, TenantId};
use kayan_sql::{Dialect, Driver, Expect, Query, Reading, SqlStore, Statement, Value, migrate};
use mysql_database::Database;

struct Mysql {
    // None between closing and opening again.
    store: Option<Arc<SqlStore<MysqlDriver>>>,
    database: Database,
}

impl Mysql {
    fn present(&self) -> &Arc<SqlStore<MysqlDriver>> {
        self.store.as_ref().unwrap()
    }
}

async fn fresh() -> Mysql {
    let database = Database::create().await;
    let store = Arc::new(kayan_mysql::open(&database.dsn()).unwrap());
    let (known, at) = (migrate::embedded(Dialect::MySql), time::macros::datetime!(2026-01-01 00:00 UTC));
    migrate::up(store.driver(), known, None, at, &mut |_| {}).await.unwrap();
    Mysql { store: Some(store), database }
}

#[async_trait]
impl Bench for Mysql {
    fn store(&self) -> Stores {
        Stores::new(self.present().clone())
    }

    async fn add_tenant(&self, tenant: &TenantId, active: bool) {
        let sql = "INSERT INTO tenants (id, active, created_at) VALUES (?, ?, ?)";
        let params = vec![Value::text(tenant.as_str()), active.into(), time::OffsetDateTime::UNIX_EPOCH.into()];
        self.present().driver().apply(vec![Statement { sql, params, expect: Expect::One }]).await.unwrap();
    }

    async fn tables(&self) -> Option<Vec<String>> {
        let sql = "-- test.tables
SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()";
        let query = Query { sql, params: Vec::new(), reading: Reading::Scan };
        let rows = self.present().driver().read(query).await.unwrap();
        Some(rows.into_iter().map(|mut row| row.text().unwrap()).collect())
    }
}

#[async_trait]
impl Durable for Mysql {
    async fn reopen(&mut self) {
        let last = Arc::into_inner(self.store.take().unwrap()).expect("the store is still in use");
        drop(last);
        self.store = Some(Arc::new(kayan_mysql::open(&self.database.dsn()).unwrap()));
    }
}

kayan_contract::laws!(store, fresh);
kayan_contract::laws!(durable, fresh);

async fn attempts() -> AttemptsBench {
    let bench = fresh().await;
    AttemptsBench { attempts: Arc::<SqlStore<MysqlDriver>>::clone(bench.present()), within: Some(Box::new(bench)) }
}

kayan_contract::laws!(attempts, attempts);
kayan_contract::laws!(attempts_in_store, attempts);

async fn keys() -> KeysBench {
    KeysBench::sealed(Box::new(fresh().await))
}

kayan_contract::laws!(keys, keys);
