//! A future that is dropped leaves nothing behind.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    sync::Arc,
    time::Duration,
};

use kayan_mysql::{MysqlDriver, Settings};
use kayan_sql::Value;
use tokio::{task::JoinSet, time::timeout};

use crate::database::{Database, apply, connections, number, one, read, run};

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY AUTO_INCREMENT, tag bigint NOT NULL, INDEX (tag));
CREATE TABLE hot (id int PRIMARY KEY, n bigint NOT NULL);
INSERT INTO hot VALUES (1, 0)";

const OPEN: &str = "SELECT COUNT(*) FROM information_schema.innodb_trx t
JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id WHERE p.db = DATABASE()";

fn random(below: u64) -> u64 {
    RandomState::new().build_hasher().finish() % below
}

/// Waits until it is so, at most five seconds.
async fn becomes(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waited = timeout(Duration::from_secs(5), async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(waited.await.is_ok(), "{what}");
}

async fn tagged(driver: &MysqlDriver, tag: u64) {
    let add = || one("INSERT INTO t (tag) VALUES (?)", vec![Value::Int(i64::try_from(tag).unwrap())]);
    let hot = one("UPDATE hot SET n = n + 1 WHERE id = 1", vec![]);
    drop(apply(driver, vec![add(), hot, add()]).await);
}

async fn operation(driver: &MysqlDriver, number: u64) {
    if number.is_multiple_of(4) {
        drop(read(driver, "SELECT tag, SLEEP(0.001) FROM t LIMIT 3", vec![]).await);
    } else {
        tagged(driver, number).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn operations_cut_off_at_any_moment_are_whole_or_nothing_and_leave_no_transaction_open() {
    let database = Database::create().await;
    let driver = Arc::new(database.driver_with(Settings { max_open: 16, max_idle: 8, ..Settings::default() }));
    run(&driver, TABLE).await;
    for round in 0..10 {
        let mut tasks = JoinSet::new();
        for number in 0..32 {
            let driver = Arc::clone(&driver);
            let patience = Duration::from_micros(random(8_000));
            tasks.spawn(async move { drop(timeout(patience, operation(&driver, round * 32 + number)).await) });
        }
        tasks.join_all().await;
    }
    let observer = database.driver();
    becomes("a transaction stays open", async || number(&observer, OPEN).await == 0).await;
    let halves = "SELECT COUNT(*) FROM (SELECT tag FROM t GROUP BY tag HAVING COUNT(*) <> 2) halves";
    assert_eq!(number(&observer, halves).await, 0, "half a batch was committed");
    let counted = "SELECT n * 2 - (SELECT COUNT(*) FROM t) FROM hot";
    assert_eq!(number(&observer, counted).await, 0, "a batch was committed in part, or twice");
    tagged(&driver, 1_000_000).await;
    assert_eq!(number(&driver, "SELECT COUNT(*) FROM t WHERE tag = 1000000").await, 2, "the pool is good for more");
    becomes("more connections are kept than may be", async || connections(&observer).await <= 9).await;
}

#[tokio::test]
async fn a_connection_whose_future_was_dropped_is_never_used_again() {
    let database = Database::create().await;
    let driver = database.driver_with(Settings { max_open: 1, ..Settings::default() });
    let before = number(&driver, "SELECT CONNECTION_ID()").await;
    assert_eq!(number(&driver, "SELECT CONNECTION_ID()").await, before, "one that is in order is");
    let cut = timeout(Duration::from_millis(50), read(&driver, "SELECT SLEEP(1)", vec![])).await;
    assert!(cut.is_err());
    assert_ne!(number(&driver, "SELECT CONNECTION_ID()").await, before);
}
