//! Any change of the audit trail or its seals in the database is detected.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code: what can't be set up fails the test"
)]

mod forging;
mod mysql_database;
mod stage;

use kayan_contract::throw_away::{POSTGRES, PostgresDatabase};
use kayan_core::policy::seal::What;
use kayan_mysql::MysqlDriver;
use kayan_postgres::PostgresDriver;
use kayan_sql::Driver;
use kayan_sqlite::SqliteDriver;
use mysql_database::Database as MysqlDatabase;
use stage::Stage;

/// Tampers this many times, each time in another way; each must be found and named.
async fn everything_is_found(driver: impl Driver, times: u64) {
    let stage = Stage::new(driver).await;
    stage.assert_clean().await;
    for seed in 0..times {
        let forged = forging::forge(&stage, seed).await;
        let reports = stage.verify(&forged.expected).await;
        let found: Vec<_> = reports.iter().filter(|report| report.finding.is_some()).collect();
        assert!(!found.is_empty(), "{seed}: {} was not found", forged.told);
        for report in &found {
            assert!(forged.tenants.contains(&report.tenant), "{seed}: {}: {report:?}", forged.told);
        }
        let named = found.iter().filter_map(|report| report.finding.as_ref()).any(|finding| forged.is_named(finding));
        assert!(named, "{seed}: {} was taken for {found:?}", forged.told);
        stage.restore().await;
    }
    stage.assert_clean().await;
}

fn sqlite() -> (tempfile::TempDir, SqliteDriver) {
    let folder = tempfile::TempDir::new().unwrap();
    let dsn = format!("file:{}?mode=rwc", folder.path().join("kayan.db").display());
    (folder, SqliteDriver::open(&dsn, kayan_sqlite::Settings::default()).unwrap())
}

#[tokio::test]
async fn a_thousand_ways_to_tamper_are_found_and_named() {
    let (_folder, driver) = sqlite();
    everything_is_found(driver, 1_000).await;
}

#[tokio::test]
async fn tampering_is_found_and_named_on_postgresql() {
    let database = PostgresDatabase::create().await;
    let driver = PostgresDriver::connect(&database.dsn(POSTGRES), kayan_postgres::Settings::default()).unwrap();
    everything_is_found(driver, 120).await;
}

#[tokio::test]
async fn tampering_is_found_and_named_on_mysql() {
    let database = MysqlDatabase::create().await;
    let driver = MysqlDriver::connect(&database.dsn(), kayan_mysql::Settings::default()).unwrap();
    everything_is_found(driver, 120).await;
}

#[tokio::test]
async fn a_purge_is_accounted_for_and_what_goes_beyond_it_is_not() {
    let (_folder, driver) = sqlite();
    let stage = Stage::new(driver).await;
    let trail = &stage.trails[0];
    // In the middle of a seal's stretch.
    let (before, id) = (trail.events[12].created_at, trail.events[30].id);
    stage.delete_before(&trail.tenant, before).await;
    let report = &stage.verify(&[]).await[0];
    assert!(matches!(report.finding.as_ref().unwrap().what, What::Removed(_)), "no purge is recorded");
    stage.write_purge(&trail.tenant, before).await;
    let report = &stage.verify(&[]).await[0];
    assert_eq!((&report.finding, report.purged), (&None, 12), "the word of an event that is not sealed yet counts");
    stage.seal().await;
    let report = &stage.verify(&[]).await[0];
    assert_eq!((&report.finding, report.purged), (&None, 12));
    stage.delete_before(&trail.tenant, trail.events[13].created_at).await;
    let report = &stage.verify(&[]).await[0];
    let what = report.finding.as_ref().map(|finding| finding.what.clone());
    assert!(matches!(what, Some(What::Removed(_))), "{what:?}");
    stage.delete(&trail.tenant, id).await;
    assert!(stage.verify(&[]).await[0].finding.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sealers_at_the_same_time_make_one_chain() {
    let (_folder, driver) = sqlite();
    one_chain(driver).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sealers_at_the_same_time_make_one_chain_on_postgresql() {
    let database = PostgresDatabase::create().await;
    one_chain(PostgresDriver::connect(&database.dsn(POSTGRES), kayan_postgres::Settings::default()).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sealers_at_the_same_time_make_one_chain_on_mysql() {
    let database = MysqlDatabase::create().await;
    one_chain(MysqlDriver::connect(&database.dsn(), kayan_mysql::Settings::default()).unwrap()).await;
}

/// Eight that take the right to seal from each other all the time, as if each thought that the others are dead.
async fn one_chain(driver: impl Driver) {
    let mut stage = Stage::new(driver).await;
    stage.forget_seals().await;
    let stage = std::sync::Arc::new(stage);
    let sealing: Vec<_> = (0..8)
        .map(|_| {
            let stage = stage.clone();
            tokio::spawn(async move {
                for _ in 0..6 {
                    stage.free_the_lease().await;
                    stage.kayan.seal_events_by(3).await.unwrap();
                }
            })
        })
        .collect();
    for one in sealing {
        one.await.unwrap();
    }
    stage.seal().await;
    stage.assert_clean().await;
}
