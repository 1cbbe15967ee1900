//! Every statement finds its rows by index, on every database.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a database that cannot be set up breaks the test")]

#[path = "../migration_locks/base.rs"]
mod base;
mod mysql;
#[path = "../tampering/mysql_database.rs"]
mod mysql_database;
mod postgres;
mod sqlite;

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use base::Base;
use kayan_contract::{exercise, furnish};
use kayan_ports::Stores;
use kayan_sql::{
    ApplyError, ConnectionUse, Dialect, Driver, DriverError, MigrationLock, Query, Row, SqlStore, Statement, TakeRows,
    Value,
};
use tokio::sync::Mutex;

/// These go through all identities, messages, sessions or tenants: an operator's lists, and counts of what is in them. The newest apps
/// are looked for from the end of an index, in a limited number of rows.
const OVER_ALL: [&str; 21] = [
    "-- events.count",
    "-- factors.newest_apps",
    "-- identities.count_anywhere",
    "-- identities.count_lacking_anywhere",
    "-- identities.count_matching_anywhere",
    "-- identities.count_matching_lacking_anywhere",
    "-- identities.list_anywhere",
    "-- identities.list_lacking_anywhere",
    "-- identities.list_matching_anywhere",
    "-- identities.list_matching_lacking_anywhere",
    "-- identities.by_identifier_anywhere",
    "-- issuer_keys.list",
    "-- messages.count_anywhere",
    "-- messages.list_anywhere",
    "-- sessions.count_active",
    "-- sessions.count_by_tenant",
    "-- sessions.count_listed",
    "-- sessions.list",
    "-- tenants.count",
    "-- tenants.list",
    "-- tenants.revoke_all_sessions",
];

/// Enough for a planner to prefer an index.
const TENANTS: u8 = 250;

/// One step of a plan.
#[derive(Debug)]
struct Step {
    /// In the database's words.
    text: String,
    /// It goes through a table, or an index, from its beginning to its end.
    whole: bool,
    /// It puts rows in order.
    sorts: bool,
}

/// Asks for the plan of every statement, once, before it is run.
struct Explaining {
    driver: Arc<dyn Driver>,
    plans: Mutex<BTreeMap<&'static str, Vec<Step>>>,
}

impl Explaining {
    async fn explain(&self, sql: &'static str, params: &[Value]) {
        let mut plans = self.plans.lock().await;
        if !plans.contains_key(sql) {
            plans.insert(sql, plan(&*self.driver, sql, params).await);
        }
    }
}

async fn plan(driver: &dyn Driver, sql: &str, params: &[Value]) -> Vec<Step> {
    match driver.dialect() {
        Dialect::Sqlite => sqlite::plan(driver, sql, params).await,
        Dialect::Postgres => postgres::plan(driver, sql, params.len()).await,
        Dialect::MySql => mysql::plan(driver, sql, params).await,
    }
}

#[async_trait]
impl Driver for Explaining {
    async fn read(&self, query: Query) -> Result<Vec<Row>, DriverError> {
        self.explain(query.sql, &query.params).await;
        self.driver.read(query).await
    }

    async fn apply(&self, batch: Vec<Statement>) -> Result<(), ApplyError> {
        for statement in &batch {
            self.explain(statement.sql, &statement.params).await;
        }
        self.driver.apply(batch).await
    }

    async fn snapshot(&self, questions: Vec<Query>, take: &mut TakeRows<'_>) -> Result<(), DriverError> {
        self.driver.snapshot(questions, take).await
    }

    async fn lock(&self) -> Result<Box<dyn MigrationLock>, DriverError> {
        self.driver.lock().await
    }

    async fn ping(&self) -> Result<(), DriverError> {
        self.driver.ping().await
    }

    async fn writable(&self) -> Result<(), DriverError> {
        self.driver.writable().await
    }

    async fn maintain(&self) -> Result<(), DriverError> {
        self.driver.maintain().await
    }

    fn connections(&self) -> Option<ConnectionUse> {
        self.driver.connections()
    }

    fn dialect(&self) -> Dialect {
        self.driver.dialect()
    }
}

/// A database with rows in every table, and what its planner has to know of them.
async fn furnished(dialect: Dialect) -> Base {
    let base = Base::furnished(dialect).await;
    base.write("DELETE FROM data_keys", Vec::new()).await;
    for number in 0..TENANTS {
        furnish(&base).await;
        let attempt = "INSERT INTO attempts (tenant_id, identifier_hash, network, failures, last_at)
            VALUES ('default', ?, '', 1, ?)";
        base.write(attempt, vec![[number; 32].into(), base::NOW.into()]).await;
    }
    match dialect {
        Dialect::Sqlite => {}
        Dialect::Postgres => postgres::analyze(&*base.driver).await,
        Dialect::MySql => mysql::analyze(&*base.driver).await,
    }
    base
}

fn faults(signature: &str, plan: &[Step]) -> Vec<&'static str> {
    let mut faults = Vec::new();
    if plan.iter().any(|step| step.whole) && !OVER_ALL.contains(&signature) {
        faults.push("goes through all rows");
    }
    // A tenant's whole trail is no way to one identity's events.
    let by_tenant = |step: &Step| ["by_tenant", "tenant_id_created_at"].iter().any(|name| step.text.contains(name));
    let of_one =
        ["-- audit.about", "-- events.of_subject", "-- events.of_actor"].iter().any(|it| signature.starts_with(it));
    if of_one && plan.iter().any(by_tenant) {
        faults.push("reads a tenant's whole trail");
    }
    if signature.starts_with("-- events.of_") && plan.iter().any(|step| step.sorts) {
        faults.push("puts events in order");
    }
    // A lease takes few messages of many that are due.
    if signature == "-- messages.lease" && plan.iter().any(|step| step.sorts) {
        faults.push("puts messages in order");
    }
    faults
}

async fn every_statement_but_the_operators_lists_finds_its_rows_by_index(dialect: Dialect) {
    let base = furnished(dialect).await;
    let explaining = Explaining { driver: base.driver.clone(), plans: Mutex::default() };
    let store = Arc::new(SqlStore::new(explaining));
    exercise(&Stores::new(store.clone())).await;

    let plans = store.driver().plans.lock().await;
    assert!(plans.len() > 70, "{}", plans.len());
    let mut offences = Vec::new();
    for (sql, plan) in plans.iter() {
        let signature = sql.lines().next().unwrap();
        println!("{signature}: {plan:#?}");
        assert!(signature.starts_with("-- "), "{sql} is not signed");
        offences.extend(faults(signature, plan).into_iter().map(|fault| format!("{signature} {fault}: {plan:#?}")));
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

async fn removing_an_identity_finds_what_goes_with_it_by_index(dialect: Dialect) {
    let base = furnished(dialect).await;
    for (table, column) in [
        ("identifiers", "identity_id"),
        ("credentials", "identity_id"),
        ("sessions", "identity_id"),
        ("identity_roles", "identity_id"),
        ("timed_locks", "identity_id"),
        ("known_networks", "identity_id"),
        ("devices", "identity_id"),
        ("kept_answers", "identity_id"),
        ("one_time_tokens", "identity_id"),
        ("messages", "identity_id"),
        ("refresh_tokens", "session_id"),
    ] {
        let sql = format!("DELETE FROM {table} WHERE {column} = ?");
        let plan = plan(&*base.driver, &sql, &[uuid::Uuid::nil().into()]).await;
        assert!(!plan.is_empty() && plan.iter().all(|step| !step.whole), "{sql}: {plan:#?}");
    }
}

macro_rules! on {
    ($($name:ident: $dialect:ident),*) => {
        $(mod $name {
            use kayan_sql::Dialect;

            #[tokio::test]
            async fn every_statement_but_the_operators_lists_finds_its_rows_by_index() {
                crate::every_statement_but_the_operators_lists_finds_its_rows_by_index(Dialect::$dialect).await;
            }

            #[tokio::test]
            async fn removing_an_identity_finds_what_goes_with_it_by_index() {
                crate::removing_an_identity_finds_what_goes_with_it_by_index(Dialect::$dialect).await;
            }
        })*
    };
}

on!(on_sqlite: Sqlite, on_postgresql: Postgres, on_mariadb: MySql);
