//! What the driver promises beyond the store's laws: round trips, retries, limits, and nothing left behind.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code: what goes wrong fails the test")]

mod proxy;

use std::{sync::Arc, time::Duration};

use kayan_contract::throw_away::{PGBOUNCER, POSTGRES, PostgresDatabase};
use kayan_postgres::{Mode, PostgresDriver, Settings};
use kayan_sql::{ApplyError, Driver, DriverError, Expect, Query, Reading, Statement, Value};
use proxy::Proxy;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Client;

const TABLE: &str = "CREATE TABLE things (id bigint PRIMARY KEY, word text)";
/// The function that guarded statements call.
const GUARD: &str = include_str!("../../../../migrations/postgres/0011_guards.up.sql");
const ADD: &str = "-- things.add\nINSERT INTO things (id, word) VALUES (?, ?)";
const RENAME: &str = "-- things.rename\nUPDATE things\nSET word = ?\nWHERE id = ?";

fn settings() -> Settings {
    Settings { patience: Duration::from_secs(20), ..Settings::default() }
}

async fn database() -> (PostgresDatabase, Client) {
    let database = PostgresDatabase::create().await;
    let operator = database.connection().await;
    operator.batch_execute(TABLE).await.unwrap();
    operator.batch_execute(GUARD).await.unwrap();
    (database, operator)
}

fn add(id: i64, word: &str) -> Statement {
    Statement { sql: ADD, params: vec![id.into(), Value::text(word)], expect: Expect::One }
}

fn rename(id: i64, word: &str) -> Statement {
    Statement { sql: RENAME, params: vec![Value::text(word), id.into()], expect: Expect::One }
}

fn question(sql: &'static str, reading: Reading) -> Query {
    Query { sql, params: Vec::new(), reading }
}

async fn count(driver: &PostgresDriver) -> i64 {
    let query = question("-- things.count\nSELECT COUNT(*) FROM things", Reading::Point);
    driver.read(query).await.unwrap().remove(0).int().unwrap()
}

async fn number(operator: &Client, sql: &str) -> i64 {
    operator.query_one(sql, &[]).await.unwrap().get(0)
}

/// Polls until it is so: another process does not say when it is done.
async fn becomes(operator: &Client, sql: &str, wanted: i64) {
    let began = Instant::now();
    while number(operator, sql).await != wanted {
        assert!(began.elapsed() < Duration::from_secs(10), "{sql} is {}", number(operator, sql).await);
        sleep(Duration::from_millis(20)).await;
    }
}

const MINE: &str = "SELECT COUNT(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'kayan'";
const OPEN: &str = "SELECT COUNT(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'";

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_read_and_a_warm_batch_take_one_round_trip_each() {
    let (database, _operator) = database().await;
    for (mode, cold) in [(Mode::Prepared, 1), (Mode::Unnamed, 0)] {
        let proxy = Proxy::before(&database.dsn(POSTGRES)).await;
        let driver = PostgresDriver::connect(&proxy.dsn, Settings { statements: mode, ..settings() }).unwrap();
        let batch = |id| vec![add(id, "a"), rename(id, "b"), rename(id, "c")];
        let first = if mode == Mode::Prepared { 1 } else { 10 };
        driver.ping().await.unwrap();
        let connected = proxy.turns();
        driver.apply(batch(first)).await.unwrap();
        count(&driver).await;
        assert_eq!(driver.round_trips(), 2 + 2 * cold, "{mode:?}, cold");
        let (warm, turns) = (driver.round_trips(), proxy.turns());
        assert_eq!(turns - connected, warm, "{mode:?}, cold, on the wire");
        driver.apply(batch(first + 1)).await.unwrap();
        assert_eq!((driver.round_trips() - warm, proxy.turns() - turns), (1, 1), "{mode:?}: a batch");
        driver.apply(vec![add(first, "taken")]).await.unwrap_err();
        count(&driver).await;
        assert_eq!((driver.round_trips() - warm, proxy.turns() - turns), (3, 3), "{mode:?}: a read");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_fails_anywhere_leaves_nothing_and_names_the_statement() {
    let (database, _operator) = database().await;
    for (place, mode) in [(POSTGRES, Mode::Prepared), (POSTGRES, Mode::Unnamed), (PGBOUNCER, Mode::Unnamed)] {
        let driver =
            PostgresDriver::connect(&database.dsn(place), Settings { statements: mode, ..settings() }).unwrap();
        let guard = driver.apply(vec![add(1, "a"), rename(1, "b"), rename(2, "c"), add(3, "d")]).await;
        assert_eq!(guard, Err(ApplyError::Guard(2)), "{mode:?}");
        let unique = driver.apply(vec![add(1, "a"), add(1, "b"), add(2, "c")]).await;
        assert_eq!(unique, Err(ApplyError::Unique(1)), "{mode:?}");
        // a parameter that can't be sent, in the middle
        let unfit = Statement { params: vec![Value::from("x"), Value::from("s3cret")], ..rename(1, "b") };
        let Err(ApplyError::Fault(why)) = driver.apply(vec![add(1, "a"), unfit, add(2, "c")]).await else {
            panic!("{mode:?}: a text was taken for a number");
        };
        assert!(why.starts_with("things.rename") && !why.contains("s3cret"), "{why}");
        assert_eq!(count(&driver).await, 0, "{mode:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_lost_against_others_is_sent_again_a_bounded_number_of_times() {
    let (database, operator) = database().await;
    // Sequences don't roll back, so they count the attempts.
    let losing = "CREATE SEQUENCE tries;
        CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF nextval('tries') < NEW.id THEN RAISE EXCEPTION USING ERRCODE = NEW.word; END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER lose BEFORE INSERT ON things FOR EACH ROW EXECUTE FUNCTION lose()";
    operator.batch_execute(losing).await.unwrap();
    let driver = PostgresDriver::connect(&database.dsn(POSTGRES), settings()).unwrap();
    for code in ["40001", "40P01"] {
        operator.batch_execute("ALTER SEQUENCE tries RESTART; DELETE FROM things").await.unwrap();
        driver.apply(vec![add(4, code)]).await.unwrap();
        operator.batch_execute("ALTER SEQUENCE tries RESTART").await.unwrap();
        let lost = driver.apply(vec![add(1_000, code)]).await;
        assert!(matches!(lost, Err(ApplyError::Unavailable(_))), "{lost:?}");
        assert_eq!(number(&operator, "SELECT last_value FROM tries").await, 4, "attempts");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_cut_off_at_any_moment_leave_no_open_transaction_and_are_whole_or_nothing() {
    let (database, operator) = database().await;
    let settings = Settings { max_open: 8, ..settings() };
    let driver = Arc::new(PostgresDriver::connect(&database.dsn(POSTGRES), settings).unwrap());
    let cut = |number: i64| {
        let driver = Arc::clone(&driver);
        async move {
            let batch = vec![add(2 * number, "first"), add(2 * number + 1, "second"), rename(2 * number, "third")];
            // from "not polled twice" to "most likely done"
            let _ = timeout(Duration::from_micros(number.unsigned_abs() * 97), driver.apply(batch)).await;
        }
    };
    for round in 0..4 {
        let running: Vec<_> = (0..32).map(|number| tokio::spawn(cut(round * 32 + number))).collect();
        for one in running {
            one.await.unwrap();
        }
    }
    assert!(count(&driver).await >= 0, "the driver still answers");
    becomes(&operator, OPEN, 0).await;
    let halves =
        "SELECT COUNT(*) FROM things a WHERE NOT EXISTS (SELECT 1 FROM things b WHERE b.id = a.id + 1 - 2 * (a.id % 2))
        OR (a.id % 2 = 0 AND a.word <> 'third')";
    assert_eq!(number(&operator, halves).await, 0, "a batch was torn");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_held_by_somebody_else_makes_a_batch_unavailable_and_it_is_not_applied_later() {
    let (database, mut operator) = database().await;
    let settings = Settings { patience: Duration::from_secs(3), ..settings() };
    let driver = PostgresDriver::connect(&database.dsn(POSTGRES), settings).unwrap();
    driver.apply(vec![add(1, "before")]).await.unwrap();
    let held = operator.transaction().await.unwrap();
    held.batch_execute("UPDATE things SET word = 'theirs'").await.unwrap();
    let refused = driver.apply(vec![rename(1, "mine")]).await;
    // The database itself has given it up.
    assert!(matches!(&refused, Err(ApplyError::Unavailable(why)) if why.contains("holds a lock")), "{refused:?}");
    held.rollback().await.unwrap();
    becomes(&operator, "SELECT COUNT(*) FROM pg_locks WHERE NOT granted", 0).await;
    becomes(&operator, OPEN, 0).await;
    assert_eq!(number(&operator, "SELECT COUNT(*) FROM things WHERE word = 'before'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_most_max_open_connections_are_opened_and_max_idle_kept() {
    let (database, operator) = database().await;
    let settings = Settings { max_open: 6, max_idle: 2, ..settings() };
    let driver = Arc::new(PostgresDriver::connect(&database.dsn(POSTGRES), settings).unwrap());
    let slow = || {
        let driver = Arc::clone(&driver);
        let query = question("-- things.slow\nSELECT COUNT(*) FROM pg_sleep(0.3)", Reading::Scan);
        tokio::spawn(async move { driver.read(query).await.map(drop) })
    };
    let asked: Vec<_> = (0..18).map(|_| slow()).collect();
    becomes(&operator, MINE, 6).await;
    for one in asked {
        assert!(number(&operator, MINE).await <= 6, "more than max_open");
        one.await.unwrap().unwrap();
    }
    becomes(&operator, MINE, 2).await;
}

const WORD: &str = "-- things.word\nSELECT word FROM things WHERE id = ?";

#[tokio::test(flavor = "multi_thread")]
async fn questions_that_come_while_two_of_their_kind_are_under_way_are_asked_together() {
    let (database, mut operator) = database().await;
    let driver = Arc::new(PostgresDriver::connect(&database.dsn(POSTGRES), settings()).unwrap());
    driver.apply((0..40).map(|id| add(id, &format!("word {id}"))).collect()).await.unwrap();
    let ask = |id: i64| {
        let driver = Arc::clone(&driver);
        let query = Query { sql: WORD, params: vec![id.into()], reading: Reading::Point };
        tokio::spawn(async move { driver.read(query).await.map(|rows| rows.into_iter().next()) })
    };
    let watcher = database.connection().await;
    let holding = operator.transaction().await.unwrap();
    holding.batch_execute("LOCK TABLE things").await.unwrap();
    let mut asked = vec![ask(0), ask(1)];
    let waiting = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND database = (
        SELECT oid FROM pg_database WHERE datname = current_database())";
    becomes(&watcher, waiting, 2).await;
    let before = driver.round_trips();
    // The last five are not there.
    asked.extend((2..45).map(ask));
    assert_eq!(number(&watcher, MINE).await, 2, "no other lookup takes a connection");
    holding.commit().await.unwrap();
    for (id, one) in asked.into_iter().enumerate() {
        let word = one.await.unwrap().unwrap().map(|mut row| row.text().unwrap());
        assert_eq!(word, (id < 40).then(|| format!("word {id}")));
    }
    let turns = driver.round_trips() - before;
    assert!(turns <= 12, "{turns} for 45 questions, what is prepared included");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_fails_does_so_for_whoever_asked_it() {
    let (database, _operator) = database().await;
    let driver = PostgresDriver::connect(&database.dsn(POSTGRES), settings()).unwrap();
    let divide = async |by: i64| {
        let query = Query {
            sql: "-- things.share\nSELECT 12 / CAST(? AS bigint)",
            params: vec![by.into()],
            reading: Reading::Point,
        };
        driver.read(query).await.map(|mut rows| rows.remove(0).int().unwrap())
    };
    let answers = futures_util::future::join_all((0..64).map(|number| divide(number % 5))).await;
    for (number, answer) in answers.into_iter().enumerate() {
        match number % 5 {
            0 => assert!(matches!(answer, Err(DriverError::Fault(_))), "{answer:?}"),
            by => assert_eq!(answer, Ok(12 / i64::try_from(by).unwrap())),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_with_others_gets_its_own_answer_whoever_else_leaves() {
    let (database, operator) = database().await;
    let settings = Settings { max_open: 8, ..settings() };
    let driver = PostgresDriver::connect(&database.dsn(POSTGRES), settings).unwrap();
    let driver = &driver;
    let ask = async |number: i64| {
        let query = Query {
            sql: "-- things.echo\nSELECT CAST(? AS bigint)",
            params: vec![number.into()],
            reading: Reading::Point,
        };
        driver.read(query).await.map(|mut rows| rows.remove(0).int().unwrap())
    };
    ask(0).await.unwrap();
    for round in 0..50 {
        let all = futures_util::future::join_all((0..64_i64).map(async |number| {
            if (number + round) % 3 == 0 {
                // Leaves at some moment between asking and hearing.
                drop(timeout(Duration::from_micros(10 * number.unsigned_abs()), ask(number)).await);
            } else {
                assert_eq!(ask(number).await, Ok(number));
            }
        }));
        all.await;
    }
    becomes(&operator, OPEN, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_past_its_lifetime_is_replaced() {
    let (database, operator) = database().await;
    let settings = Settings { max_lifetime: Some(Duration::from_secs(1)), max_idle: 5, ..settings() };
    let driver = PostgresDriver::connect(&database.dsn(POSTGRES), settings).unwrap();
    count(&driver).await;
    assert_eq!(number(&operator, MINE).await, 1);
    becomes(&operator, MINE, 0).await;
    count(&driver).await;
    assert_eq!(number(&operator, MINE).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_down_is_unavailable_within_two_seconds_and_comes_back_by_itself() {
    let (database, operator) = database().await;
    let proxy = Proxy::before(&database.dsn(POSTGRES)).await;
    proxy.refuse(true);
    // it is down when the driver is made, too
    let driver = PostgresDriver::connect(&proxy.dsn, Settings::default()).unwrap();
    unavailable(&driver, "down").await;
    proxy.refuse(false);
    assert_eq!(count(&driver).await, 0);
    driver.apply(vec![add(1, "a")]).await.unwrap();
    proxy.stall(true);
    unavailable(&driver, "silent").await;
    proxy.stall(false);
    becomes(&operator, OPEN, 0).await;
    assert_eq!(recovers(&driver).await, number(&operator, "SELECT COUNT(*) FROM things").await);
    proxy.cut();
    recovers(&driver).await;
    operator
        .batch_execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await
        .unwrap();
    recovers(&driver).await;
}

/// The first question after a break may be its victim.
async fn recovers(driver: &PostgresDriver) -> i64 {
    let began = Instant::now();
    while driver.ping().await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(5), "it does not recover");
    }
    count(driver).await
}

async fn unavailable(driver: &PostgresDriver, how: &str) {
    let (point, scan) = ("-- things.point\nSELECT 1", "-- things.scan\nSELECT 2");
    let began = Instant::now();
    let answers = tokio::join!(
        driver.read(question(point, Reading::Point)),
        driver.read(question(scan, Reading::Scan)),
        driver.apply(vec![add(7, "b")]),
        driver.ping(),
    );
    assert!(began.elapsed() < Duration::from_secs(2), "{how}: {:?}", began.elapsed());
    let (Err(DriverError::Unavailable(_)), Err(DriverError::Unavailable(_)), Err(ApplyError::Unavailable(_)), Err(_)) =
        &answers
    else {
        panic!("{how}: {answers:?}");
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_changes_under_a_prepared_statement_is_read_anew() {
    let (database, operator) = database().await;
    let driver = PostgresDriver::connect(&database.dsn(POSTGRES), settings()).unwrap();
    let all = || question("-- things.all\nSELECT * FROM things", Reading::Scan);
    assert!(driver.read(all()).await.unwrap().is_empty());
    operator.batch_execute("ALTER TABLE things ADD more text; INSERT INTO things VALUES (1, 'a', 'b')").await.unwrap();
    let mut row = driver.read(all()).await.unwrap().remove(0);
    assert_eq!((row.int(), row.text(), row.text()), (Ok(1), Ok("a".to_owned()), Ok("b".to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_signature_shows_in_the_databases_statistics() {
    let (database, operator) = database().await;
    operator.batch_execute("CREATE EXTENSION pg_stat_statements").await.unwrap();
    let driver = PostgresDriver::connect(&database.dsn(POSTGRES), settings()).unwrap();
    driver.apply(vec![add(1, "a")]).await.unwrap();
    count(&driver).await;
    for signature in ["-- things.add", "-- things.count"] {
        let sql = format!(
            "SELECT COUNT(*) FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
             WHERE d.datname = current_database() AND query LIKE '{signature}%'"
        );
        assert_eq!(number(&operator, &sql).await, 1, "{signature}");
    }
}
