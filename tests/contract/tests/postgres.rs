//! The laws of the store, kept by PostgreSQL: with prepared statements, and with unnamed ones behind PgBouncer.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot be set up breaks the test")]

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::join_all;
use kayan_contract::{
    AttemptsBench, Bench, Durable, KeysBench, furnish,
    throw_away::{PGBOUNCER, POSTGRES, PostgresDatabase},
};
use kayan_ports::{Change, Expired, Scope, SessionChange, Stores, TenantId, Timestamp};
use kayan_postgres::{Mode, PostgresDriver, Settings};
use kayan_sql::{
    ApplyError, ConnectionUse, Dialect, Driver, DriverError, Expect, MigrationLock, Query, Reading, Row, SqlStore,
    Statement, TakeRows, Value, migrate,
};

struct Postgres {
    // None between closing and opening again.
    store: Option<Arc<SqlStore<Crowd>>>,
    place: &'static str,
    mode: Mode,
    database: PostgresDatabase,
}

impl Postgres {
    async fn fresh(place: &'static str, mode: Mode) -> Self {
        let database = PostgresDatabase::create().await;
        let store = open(&database.dsn(place), mode);
        let (known, at) = (migrate::embedded(Dialect::Postgres), time::macros::datetime!(2026-01-01 00:00 UTC));
        migrate::up(store.driver(), known, None, at, &mut |_| {}).await.unwrap();
        Self { store: Some(store), place, mode, database }
    }

    async fn counting(place: &'static str, mode: Mode) -> AttemptsBench {
        let bench = Self::fresh(place, mode).await;
        let attempts = Arc::<SqlStore<Crowd>>::clone(bench.present());
        AttemptsBench { attempts, within: Some(Box::new(bench)) }
    }

    fn present(&self) -> &Arc<SqlStore<Crowd>> {
        self.store.as_ref().unwrap()
    }
}

/// The laws are about what is answered, not about how fast a machine is that runs many of them at once.
fn open(dsn: &str, statements: Mode) -> Arc<SqlStore<Crowd>> {
    let settings = Settings { max_open: 8, statements, patience: Duration::from_secs(30), ..Settings::default() };
    Arc::new(SqlStore::new(Crowd(PostgresDriver::connect(dsn, settings).unwrap())))
}

/// Asks each short question several times at once, so that the last of them is asked together with another.
struct Crowd(PostgresDriver);

#[async_trait]
impl Driver for Crowd {
    async fn read(&self, query: Query) -> Result<Vec<Row>, DriverError> {
        if query.reading == Reading::Scan {
            return self.0.read(query).await;
        }
        join_all((0..4).map(|_| self.0.read(query.clone()))).await.pop().unwrap()
    }

    async fn apply(&self, batch: Vec<Statement>) -> Result<(), ApplyError> {
        self.0.apply(batch).await
    }

    async fn snapshot(&self, questions: Vec<Query>, take: &mut TakeRows<'_>) -> Result<(), DriverError> {
        self.0.snapshot(questions, take).await
    }

    async fn lock(&self) -> Result<Box<dyn MigrationLock>, DriverError> {
        self.0.lock().await
    }

    async fn ping(&self) -> Result<(), DriverError> {
        self.0.ping().await
    }

    async fn writable(&self) -> Result<(), DriverError> {
        self.0.writable().await
    }

    async fn maintain(&self) -> Result<(), DriverError> {
        self.0.maintain().await
    }

    fn connections(&self) -> Option<ConnectionUse> {
        self.0.connections()
    }

    fn dialect(&self) -> Dialect {
        self.0.dialect()
    }
}

#[async_trait]
impl Bench for Postgres {
    fn store(&self) -> Stores {
        Stores::new(self.present().clone())
    }

    async fn add_tenant(&self, tenant: &TenantId, active: bool) {
        let sql = "INSERT INTO tenants (id, active, created_at) VALUES (?, ?, ?)";
        let params = vec![Value::text(tenant.as_str()), active.into(), Timestamp::UNIX_EPOCH.into()];
        self.present().driver().apply(vec![Statement { sql, params, expect: Expect::One }]).await.unwrap();
    }

    async fn tables(&self) -> Option<Vec<String>> {
        let sql = "-- test.tables
SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition";
        let query = Query { sql, params: Vec::new(), reading: Reading::Scan };
        let rows = self.present().driver().read(query).await.unwrap();
        Some(rows.into_iter().map(|mut row| row.text().unwrap()).collect())
    }
}

#[async_trait]
impl Durable for Postgres {
    async fn reopen(&mut self) {
        let last = Arc::into_inner(self.store.take().unwrap()).expect("the store is still in use");
        drop(last);
        self.store = Some(open(&self.database.dsn(self.place), self.mode));
    }
}

/// These rows are locked in no order: a list that waited for one of them could wait for a list that waits for it.
#[tokio::test]
async fn what_is_outdated_is_removed_without_waiting_for_locked_rows() {
    let bench = Postgres::fresh(POSTGRES, Mode::Prepared).await;
    furnish(&bench).await;
    let (store, all) = (bench.store(), time::macros::datetime!(9999-01-01 00:00 UTC));
    let expired = Expired {
        sessions: all,
        attempts: all,
        networks: all,
        devices: all,
        revocations: all,
        responses: all,
        one_time: all,
        messages: all,
    };
    let mut other = bench.database.connection().await;
    let holding = other.transaction().await.unwrap();
    for table in ["sessions", "known_networks", "devices", "kept_answers"] {
        let held = holding.query(&format!("SELECT 1 FROM {table} FOR UPDATE"), &[]).await.unwrap();
        assert!(!held.is_empty(), "there are no {table}");
    }
    store.changes.commit(vec![Change::RemoveExpired(expired)]).await.unwrap();
    assert_eq!(store.cleanup.has_expired(&expired).await, Ok(true));
    holding.rollback().await.unwrap();
    store.changes.commit(vec![Change::RemoveExpired(expired)]).await.unwrap();
    assert_eq!(store.cleanup.has_expired(&expired).await, Ok(false));
}

/// A deletion locks the identity and then its sessions, so a revocation that waits for a session must hold the identity.
#[tokio::test]
async fn sessions_are_revoked_after_their_identity_is_locked() {
    let bench = Postgres::fresh(POSTGRES, Mode::Prepared).await;
    furnish(&bench).await;
    let (mut other, observer) = (bench.database.connection().await, bench.database.connection().await);
    let holding = other.transaction().await.unwrap();
    let row = holding.query_one("SELECT identity_id::text FROM sessions LIMIT 1 FOR UPDATE", &[]).await.unwrap();
    let identity: String = row.get(0);
    let scope = Scope::System;
    let revoke = Change::Session(SessionChange::RevokeOf { scope, identity: identity.parse().unwrap(), except: None });
    let store = bench.store();
    let revoking = tokio::spawn(async move { store.changes.commit(vec![revoke]).await });
    let waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while observer.query(waiting, &[]).await.unwrap().is_empty() {}
    let free = "SELECT 1 FROM identities WHERE id = $1::text::uuid FOR UPDATE SKIP LOCKED";
    assert!(observer.query(free, &[&identity]).await.unwrap().is_empty(), "the identity is not locked");
    holding.rollback().await.unwrap();
    revoking.await.unwrap().unwrap();
}

mod prepared {
    use super::{AttemptsBench, KeysBench, Mode, POSTGRES, Postgres};

    async fn fresh() -> Postgres {
        Postgres::fresh(POSTGRES, Mode::Prepared).await
    }

    kayan_contract::laws!(store, fresh);
    kayan_contract::laws!(durable, fresh);

    async fn attempts() -> AttemptsBench {
        Postgres::counting(POSTGRES, Mode::Prepared).await
    }

    kayan_contract::laws!(attempts, attempts);
    kayan_contract::laws!(attempts_in_store, attempts);

    async fn keys() -> KeysBench {
        KeysBench::sealed(Box::new(fresh().await))
    }

    kayan_contract::laws!(keys, keys);
}

mod behind_pgbouncer {
    use super::{AttemptsBench, KeysBench, Mode, PGBOUNCER, Postgres};

    async fn fresh() -> Postgres {
        Postgres::fresh(PGBOUNCER, Mode::Unnamed).await
    }

    kayan_contract::laws!(store, fresh);
    kayan_contract::laws!(durable, fresh);

    async fn attempts() -> AttemptsBench {
        Postgres::counting(PGBOUNCER, Mode::Unnamed).await
    }

    kayan_contract::laws!(attempts, attempts);
    kayan_contract::laws!(attempts_in_store, attempts);

    async fn keys() -> KeysBench {
        KeysBench::sealed(Box::new(fresh().await))
    }

    kayan_contract::laws!(keys, keys);
}
