//! A server that is away makes no request hang, and is used again as soon as it is back.

use std::{future::Future, sync::Arc, time::Duration};

use kayan_mysql::{MysqlDriver, Settings};
use kayan_sql::{ApplyError, Driver, DriverError, Query, Reading, Value};
use tokio::time::Instant;

use crate::{
    database::{any, apply, number, one, read, run},
    server::{Server, free_port},
};

const ENOUGH: Duration = Duration::from_secs(2);

async fn in_time<T>(asked: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let answer = asked.await;
    assert!(began.elapsed() < ENOUGH, "{:?}", began.elapsed());
    answer
}

/// Every kind of request is refused as unavailable, in time.
async fn is_unavailable(driver: &MysqlDriver) {
    let away = |outcome: &Result<(), DriverError>| matches!(outcome, Err(DriverError::Unavailable(_)));
    for reading in [Reading::Point, Reading::Scan] {
        let query = Query { sql: "SELECT COUNT(*) FROM t", params: vec![], reading };
        let outcome = in_time(driver.read(query)).await.map(drop);
        assert!(away(&outcome), "{outcome:?}");
    }
    let outcome = in_time(apply(driver, vec![any("DELETE FROM t WHERE id < 0", vec![])])).await;
    assert!(matches!(outcome, Err(ApplyError::Unavailable(_))), "{outcome:?}");
    let outcome = in_time(driver.ping()).await;
    assert!(away(&outcome), "{outcome:?}");
    assert!(in_time(driver.lock()).await.is_err());
}

async fn is_available(driver: &MysqlDriver) {
    driver.ping().await.unwrap();
    number(driver, "SELECT COUNT(*) FROM t").await;
    apply(driver, vec![any("DELETE FROM t WHERE id < 0", vec![])]).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_down_from_the_start_is_no_error_until_it_is_asked() {
    let dsn = format!("u:hunter2@tcp(127.0.0.1:{})/kayan", free_port());
    let driver = MysqlDriver::connect(&dsn, Settings::default()).unwrap();
    is_unavailable(&driver).await;
}

#[tokio::test]
async fn a_host_that_accepts_and_says_nothing_is_unavailable_in_time() {
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let dsn = format!("u:hunter2@tcp(127.0.0.1:{})/kayan", silent.local_addr().unwrap().port());
    is_unavailable(&MysqlDriver::connect(&dsn, Settings::default()).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_is_killed_or_hangs_is_used_again_when_it_is_back_and_nothing_acknowledged_is_lost() {
    let mut server = Server::start().await;
    let driver = Arc::new(MysqlDriver::connect(&server.dsn(""), Settings::default()).unwrap());
    run(&driver, "CREATE TABLE t (id int PRIMARY KEY)").await;
    is_available(&driver).await;
    number(&MysqlDriver::connect(&server.socket_dsn(), Settings::default()).unwrap(), "SELECT COUNT(*) FROM t").await;

    // Written while it is killed.
    let writing = Arc::clone(&driver);
    let writer = tokio::spawn(async move {
        let mut acknowledged = Vec::new();
        for id in 1.. {
            let statement = one("INSERT INTO t VALUES (?)", vec![Value::Int(id)]);
            match apply(&writing, vec![statement]).await {
                Ok(()) => acknowledged.push(id),
                Err(_) => break,
            }
        }
        acknowledged
    });
    while number(&driver, "SELECT COUNT(*) FROM t").await < 50 {}
    server.kill();
    let acknowledged = writer.await.unwrap();
    is_unavailable(&driver).await;

    server.revive().await;
    is_available(&driver).await;
    for id in &acknowledged {
        let found = read(&driver, "SELECT id FROM t WHERE id = ?", vec![Value::Int(*id)]).await.unwrap();
        assert_eq!(found.len(), 1, "{id} was acknowledged and is lost");
    }

    server.signal("STOP");
    is_unavailable(&driver).await;
    server.signal("CONT");
    is_available(&driver).await;
}
