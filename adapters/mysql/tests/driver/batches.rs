//! A batch is applied whole or not at all, in one round trip.

use std::sync::Arc;

use kayan_sql::{ApplyError, DriverError, Value};
use tokio::task::JoinSet;

use crate::database::{Database, any, apply, number, one, read, run};

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL);
INSERT INTO t VALUES (1, 0), (2, 0)";

#[tokio::test]
async fn a_read_and_a_batch_cost_one_round_trip_each() {
    let database = Database::create().await;
    let driver = database.driver();
    run(&driver, TABLE).await;
    let before = driver.round_trips();
    number(&driver, "SELECT n FROM t WHERE id = 1").await;
    assert_eq!(driver.round_trips() - before, 1, "the first one, too");
    let batch = || {
        vec![
            one("UPDATE t SET n = n + 1 WHERE id = 1", vec![]),
            any("UPDATE t SET n = n + 1 WHERE id = 9", vec![]),
            one("UPDATE t SET n = n + 1 WHERE id = 2", vec![]),
        ]
    };
    let before = driver.round_trips();
    for _ in 0..3 {
        apply(&driver, batch()).await.unwrap();
    }
    assert_eq!(driver.round_trips() - before, 3);
    assert_eq!(number(&driver, "SELECT SUM(id = 1) * 100 + COUNT(*) FROM t WHERE n = 3").await, 102);
}

#[tokio::test]
async fn a_broken_guard_names_its_statement_and_undoes_all() {
    let database = Database::create().await;
    let driver = database.driver();
    run(&driver, TABLE).await;
    let add = || one("INSERT INTO t VALUES (3, 0)", vec![]);
    let nothing = || one("UPDATE t SET n = 1 WHERE id = 9", vec![]);
    let both = || one("UPDATE t SET n = 1 WHERE id < 3", vec![]);
    for (batch, error) in [
        (vec![nothing()], ApplyError::Guard(0)),
        (vec![add(), nothing()], ApplyError::Guard(1)),
        (vec![add(), any("DELETE FROM t WHERE id = 9", vec![]), both(), add()], ApplyError::Guard(2)),
        (vec![add(), add()], ApplyError::Unique(1)),
        (
            vec![any("UPDATE t SET n = 7", vec![]), add(), any("INSERT INTO t VALUES (1, 0)", vec![])],
            ApplyError::Unique(2),
        ),
    ] {
        assert_eq!(apply(&driver, batch).await, Err(error));
        assert_eq!(number(&driver, "SELECT COUNT(*) + SUM(n) FROM t").await, 2);
    }
    apply(&driver, vec![add()]).await.unwrap();
}

#[tokio::test]
async fn a_row_that_matches_counts_even_when_it_stays_as_it_is() {
    let database = Database::create().await;
    let driver = database.driver();
    run(&driver, TABLE).await;
    apply(&driver, vec![one("UPDATE t SET n = 0 WHERE id = 1", vec![])]).await.unwrap();
    assert_eq!(apply(&driver, vec![one("UPDATE t SET n = 0 WHERE id = 9", vec![])]).await, Err(ApplyError::Guard(0)));
}

#[tokio::test]
async fn what_the_server_refuses_is_told_without_a_value() {
    let database = Database::create().await;
    let driver = database.driver();
    run(&driver, TABLE).await;
    let secret = || vec![Value::from("hunter2")];
    let statement = any("-- t.spoil\nUPDATE t SET n = ?", secret());
    let Err(ApplyError::Fault(why)) = apply(&driver, vec![statement]).await else { panic!("that was taken") };
    assert!(why.starts_with("t.spoil: error ") && !why.contains("hunter2") && !why.contains("UPDATE"), "{why}");
    let asked = read(&driver, "-- t.ask\nSELECT nothing(n) FROM t WHERE n = ?", secret()).await;
    let Err(DriverError::Fault(why)) = asked else { panic!("that was answered") };
    assert!(why.starts_with("t.ask: error 1305") && !why.contains("hunter2") && !why.contains("nothing"), "{why}");
    // What no migration has made yet, one will.
    let asked = read(&driver, "-- t.ask\nSELECT x FROM nowhere WHERE n = ?", secret()).await;
    assert!(matches!(&asked, Err(DriverError::Unavailable(why)) if why.contains("not migrated")), "{asked:?}");
    assert_eq!(number(&driver, "SELECT SUM(n) FROM t").await, 0, "the connection is good for more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn batches_that_wait_for_each_other_are_tried_again_and_all_succeed() {
    let database = Database::create().await;
    let driver = Arc::new(database.driver());
    run(&driver, TABLE).await;
    let before = driver.round_trips();
    let mut tasks = JoinSet::new();
    for number in 0..4 {
        let driver = Arc::clone(&driver);
        tasks.spawn(async move {
            for _ in 0..5 {
                let first = one("UPDATE t SET n = n + 1 WHERE id = 1", vec![]);
                let second = one("UPDATE t SET n = n + 1 WHERE id = 2", vec![]);
                let pause = any("DO SLEEP(0.005)", vec![]);
                let batch = if number % 2 == 0 { vec![first, pause, second] } else { vec![second, pause, first] };
                apply(&driver, batch).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    assert!(driver.round_trips() - before > 20, "none of them met another");
    assert_eq!(number(&driver, "SELECT COUNT(*) FROM t WHERE n = 20").await, 2, "each counted once");
}

#[tokio::test]
async fn a_row_that_stays_locked_is_no_reason_to_hang() {
    let database = Database::create().await;
    let driver = database.driver();
    run(&driver, TABLE).await;
    let mut other = kayan_sql::Driver::lock(&driver).await.unwrap();
    other.run("START TRANSACTION; UPDATE t SET n = 5 WHERE id = 1", None).await.unwrap();
    let began = tokio::time::Instant::now();
    let outcome = apply(&driver, vec![one("UPDATE t SET n = 1 WHERE id = 1", vec![])]).await;
    assert!(matches!(outcome, Err(ApplyError::Unavailable(_))), "{outcome:?}");
    assert!(began.elapsed().as_millis() < 2_000, "{:?}", began.elapsed());
    drop(other);
    apply(&driver, vec![one("UPDATE t SET n = 1 WHERE id = 1", vec![])]).await.unwrap();
}
