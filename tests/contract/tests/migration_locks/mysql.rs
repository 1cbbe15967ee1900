//! What a migration does on MariaDB, where each statement is a transaction of its own.
//!
//! Every table is in use while the script runs, so that a statement that wants one for itself waits and can be looked at.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use kayan_contract::throw_away::variable;
use kayan_sql::Driver;
use mysql_async::{Conn, Opts, prelude::Queryable as _};
use tokio::time::sleep;

use crate::{
    Observed,
    base::{Base, scan},
};

/// Lets the server tell of metadata locks, and count rows by table.
const PREPARE: &str =
    "INSTALL PLUGIN IF NOT EXISTS metadata_lock_info SONAME 'metadata_lock_info'; SET GLOBAL userstat = ON";
/// A table that is written anew gets another number.
const TABLES: &str = "SELECT SUBSTRING_INDEX(name, '/', -1), table_id FROM information_schema.innodb_sys_tables
WHERE name LIKE CONCAT(DATABASE(), '/%') AND name NOT LIKE '%/schema_migrations'";
const INDEXES: &str = "SELECT DISTINCT CONCAT(table_name, '.', index_name), 0 FROM information_schema.statistics
WHERE table_schema = DATABASE()";
const READ: &str =
    "SELECT table_name, rows_read FROM information_schema.table_statistics WHERE table_schema = DATABASE()";
const WRITTEN: &str =
    "SELECT table_name, rows_changed FROM information_schema.table_statistics WHERE table_schema = DATABASE()";
/// The statement that waits.
const WAITING: &str = "SELECT id, query_id, CAST(info AS CHAR) FROM information_schema.processlist
WHERE db = DATABASE() AND state = 'Waiting for table metadata lock'";

/// Runs a script, lets go of each table that it waits for, and looks what has changed at the end.
pub(crate) async fn observe(base: &Base, script: &str) -> Observed {
    let mut watch = Watch::of(base).await;
    let before = watch.state().await;
    let mut users = BTreeMap::new();
    for table in before.tables.keys() {
        users.insert(table.clone(), watch.user_of(table).await);
    }
    let run = tokio::spawn(run(Arc::clone(&base.driver), script.to_owned()));
    let mut observed = Observed { before: before.tables.keys().cloned().collect(), ..Observed::default() };
    while !run.is_finished() {
        if let Some(waiting) = watch.waiting().await {
            let awaited = watch.let_go(&mut users, waiting).await;
            observed.locks.extend(awaited.map(|(table, kind)| (table, kind.to_owned())));
        }
        sleep(Duration::from_millis(2)).await;
    }
    run.await.unwrap();
    drop(users);

    let after = watch.state().await;
    let more = |now: &BTreeMap<String, i64>, then: &BTreeMap<String, i64>, table| {
        now.get(table).unwrap_or(&0) > then.get(table).unwrap_or(&0)
    };
    let mut lock = |table: &String, kind: &str| observed.locks.insert((table.clone(), kind.to_owned()));
    for (table, id) in &before.tables {
        if after.tables.get(table).is_some_and(|now| now != id) {
            lock(table, "INPLACE");
            observed.writes.insert(table.clone());
        }
        if more(&after.written, &before.written, table) {
            lock(table, "ROWS");
            observed.writes.insert(table.clone());
        }
        // An index is made past the count of rows.
        let new = |index: &&String| !before.indexes.contains_key(*index) && index.split('.').next() == Some(table);
        if after.indexes.keys().any(|index| new(&index)) {
            lock(table, "INPLACE");
            observed.reads.insert(table.clone());
        }
        if after.tables.contains_key(table) && more(&after.read, &before.read, table) {
            observed.reads.insert(table.clone());
        }
    }
    observed.makes = after.tables.into_keys().filter(|table| !before.tables.contains_key(table)).collect();
    observed
}

async fn run(driver: Arc<dyn Driver>, script: String) {
    let mut lock = driver.lock().await.unwrap();
    lock.run(&script, None).await.unwrap();
    lock.release().await.unwrap();
}

struct State {
    tables: BTreeMap<String, i64>,
    indexes: BTreeMap<String, i64>,
    read: BTreeMap<String, i64>,
    written: BTreeMap<String, i64>,
}

/// The connection, the number and the text of a statement that waits.
type Waiting = (i64, i64, String);

struct Watch {
    address: String,
    connection: Conn,
}

impl Watch {
    async fn of(base: &Base) -> Self {
        let name = base.driver.read(scan("SELECT DATABASE()")).await.unwrap().pop().unwrap().text().unwrap();
        let server = variable("KAYAN_TEST_MYSQL_DSN").replace("@tcp(", "@");
        let (server, _) = server.split_once(")/").expect("a DSN with its address in parentheses");
        let address = format!("mysql://{server}/{name}");
        let mut connection = connect(&address).await;
        connection.query_drop(PREPARE).await.expect("MariaDB, with a user who may do everything");
        Self { address, connection }
    }

    async fn numbers(&mut self, sql: &str) -> BTreeMap<String, i64> {
        self.connection.query::<(String, i64), _>(sql).await.unwrap().into_iter().collect()
    }

    async fn state(&mut self) -> State {
        State {
            tables: self.numbers(TABLES).await,
            indexes: self.numbers(INDEXES).await,
            read: self.numbers(READ).await,
            written: self.numbers(WRITTEN).await,
        }
    }

    /// A connection whose transaction uses a table, of which it has read no row.
    async fn user_of(&self, table: &str) -> Conn {
        let mut user = connect(&self.address).await;
        user.query_drop(format!("START TRANSACTION; SELECT 1 FROM {table} LIMIT 0")).await.unwrap();
        user
    }

    /// The statement that waits for a table.
    async fn waiting(&mut self) -> Option<Waiting> {
        self.connection.query_first(WAITING).await.unwrap()
    }

    /// Ends the use of the table that is waited for; says which that was, and how it was locked. `None` if the statement has
    /// stopped waiting by itself.
    async fn let_go(&mut self, users: &mut BTreeMap<String, Conn>, waiting: Waiting) -> Option<(String, &'static str)> {
        let held = format!(
            "SELECT table_name, lock_mode FROM information_schema.metadata_lock_info
             WHERE thread_id = {} AND table_schema = DATABASE() AND lock_type = 'Table metadata lock'",
            waiting.0
        );
        let held: Vec<(String, String)> = self.connection.query(held).await.unwrap();
        if let Some((table, mode)) = held.into_iter().find(|(table, _)| users.contains_key(table)) {
            drop_user(users, &table).await;
            return Some((table, if mode == "MDL_SHARED_NO_WRITE" { "COPY" } else { "EXCLUSIVE" }));
        }
        if self.waiting().await.as_ref() != Some(&waiting) {
            return None;
        }
        // It waits for a table of which it has no lock yet, as to drop it: one that it names, if any.
        let (mut tables, others): (Vec<_>, Vec<_>) = users.keys().cloned().partition(|it| waiting.2.contains(it));
        tables.extend(others);
        let mut awaited = None;
        for table in tables {
            drop_user(users, &table).await;
            for _ in 0..100 {
                sleep(Duration::from_millis(5)).await;
                if self.waiting().await.as_ref() != Some(&waiting) {
                    awaited = Some((table.clone(), "EXCLUSIVE"));
                    break;
                }
            }
            if awaited.is_some() {
                break;
            }
            users.insert(table.clone(), self.user_of(&table).await);
        }
        assert!(awaited.is_some(), "a statement waits for none of the tables that are in use: {}", waiting.2);
        awaited
    }
}

async fn drop_user(users: &mut BTreeMap<String, Conn>, table: &str) {
    users.remove(table).unwrap().query_drop("COMMIT").await.unwrap();
}

async fn connect(address: &str) -> Conn {
    Conn::new(Opts::from_url(address).unwrap()).await.unwrap()
}
