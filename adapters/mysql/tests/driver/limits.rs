//! The pool's settings mean what they say.

use std::{sync::Arc, time::Duration};

use kayan_mysql::Settings;
use kayan_sql::{Driver, DriverError, Query, Reading};
use tokio::{task::JoinSet, time::Instant};

use crate::database::{Database, connections, number, read};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn there_are_never_more_connections_than_max_open_nor_more_idle_ones_than_max_idle() {
    let database = Database::create().await;
    let driver = Arc::new(database.driver_with(Settings { max_open: 3, max_idle: 1, ..Settings::default() }));
    let observer = database.driver();
    let mut tasks = JoinSet::new();
    for _ in 0..12 {
        let driver = Arc::clone(&driver);
        tasks.spawn(async move { read(&driver, "SELECT SLEEP(0.1)", vec![]).await.map(drop) });
    }
    let mut most = 0;
    while !tasks.is_empty() {
        most = most.max(connections(&observer).await - 1);
        while let Some(done) = tasks.try_join_next() {
            done.unwrap().unwrap();
        }
    }
    assert_eq!(most, 3);
    let began = Instant::now();
    while connections(&observer).await > 2 {
        assert!(began.elapsed() < Duration::from_secs(2), "more than one idle connection is kept");
    }
}

#[tokio::test]
async fn no_idle_connection_is_kept_when_max_idle_is_zero() {
    let database = Database::create().await;
    let driver = database.driver_with(Settings { max_idle: 0, ..Settings::default() });
    let first = number(&driver, "SELECT CONNECTION_ID()").await;
    assert_ne!(number(&driver, "SELECT CONNECTION_ID()").await, first);
}

#[tokio::test]
async fn no_connection_gets_older_than_max_lifetime_used_or_idle() {
    let database = Database::create().await;
    let max_lifetime = Duration::from_millis(300);
    let driver = database.driver_with(Settings { max_lifetime, ..Settings::default() });
    let first = number(&driver, "SELECT CONNECTION_ID()").await;
    let began = Instant::now();
    while number(&driver, "SELECT CONNECTION_ID()").await == first {
        assert!(began.elapsed() < max_lifetime * 2, "it is used for too long");
    }
    let observer = database.driver();
    while connections(&observer).await > 1 {
        assert!(began.elapsed() < Duration::from_secs(4), "it is kept for too long");
    }
}

#[tokio::test]
async fn who_finds_every_connection_taken_is_told_so_within_two_seconds() {
    let database = Database::create().await;
    let driver = Arc::new(database.driver_with(Settings { max_open: 1, ..Settings::default() }));
    let busy = Arc::clone(&driver);
    let sql = "SELECT SLEEP(3)";
    let scan =
        tokio::spawn(async move { busy.read(Query { sql, params: vec![], reading: Reading::Scan }).await.map(drop) });
    let observer = database.driver();
    while connections(&observer).await < 2 {}
    let began = Instant::now();
    let refused = read(&driver, "SELECT 1", vec![]).await.map(drop);
    assert!(matches!(refused, Err(DriverError::Unavailable(_))), "{refused:?}");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(scan.await.unwrap(), Ok(()), "a scan may take longer");
}
