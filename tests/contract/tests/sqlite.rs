//! The laws of the store, kept by SQLite on a file.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot be set up breaks the test")]

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use kayan_contract::{AttemptsBench, Bench, Durable, KeysBench};
use kayan_ports::{Stores, TenantId};
use kayan_sql::{Dialect, Driver, Expect, Query, Reading, SqlStore, Statement, Value, migrate};
use kayan_sqlite::SqliteDriver;
use tempfile::TempDir;

struct Sqlite {
    // None between closing and opening again.
    store: Option<Arc<SqlStore<SqliteDriver>>>,
    folder: TempDir,
}

fn open(folder: &Path) -> Arc<SqlStore<SqliteDriver>> {
    let dsn = format!("file:{}?cache=shared&mode=rwc", folder.join("kayan.db").display());
    Arc::new(kayan_sqlite::open(&dsn).unwrap())
}

impl Sqlite {
    fn present(&self) -> &Arc<SqlStore<SqliteDriver>> {
        self.store.as_ref().unwrap()
    }
}

async fn fresh() -> Sqlite {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let (known, at) = (migrate::embedded(Dialect::Sqlite), time::macros::datetime!(2026-01-01 00:00 UTC));
    migrate::up(store.driver(), known, None, at, &mut |_| {}).await.unwrap();
    Sqlite { store: Some(store), folder }
}

#[async_trait]
impl Bench for Sqlite {
    fn store(&self) -> Stores {
        Stores::new(self.present().clone())
    }

    async fn add_tenant(&self, tenant: &TenantId, active: bool) {
        let sql = "INSERT INTO tenants (id, active, created_at) VALUES (?, ?, 0)";
        let params = vec![Value::text(tenant.as_str()), active.into()];
        self.present().driver().apply(vec![Statement { sql, params, expect: Expect::One }]).await.unwrap();
    }

    async fn tables(&self) -> Option<Vec<String>> {
        let sql = "-- test.tables
SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        let query = Query { sql, params: Vec::new(), reading: Reading::Scan };
        let rows = self.present().driver().read(query).await.unwrap();
        Some(rows.into_iter().map(|mut row| row.text().unwrap()).collect())
    }
}

#[async_trait]
impl Durable for Sqlite {
    async fn reopen(&mut self) {
        let last = Arc::into_inner(self.store.take().unwrap()).expect("the store is still in use");
        drop(last);
        self.store = Some(open(self.folder.path()));
    }
}

kayan_contract::laws!(store, fresh);
kayan_contract::laws!(durable, fresh);

async fn attempts() -> AttemptsBench {
    let bench = fresh().await;
    AttemptsBench { attempts: Arc::<SqlStore<SqliteDriver>>::clone(bench.present()), within: Some(Box::new(bench)) }
}

kayan_contract::laws!(attempts, attempts);
kayan_contract::laws!(attempts_in_store, attempts);

async fn keys() -> KeysBench {
    KeysBench::sealed(Box::new(fresh().await))
}

kayan_contract::laws!(keys, keys);
