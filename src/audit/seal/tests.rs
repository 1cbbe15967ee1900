//! Tests of what is sealed, and when.

use std::time::Duration;

use kayan_ports::{
    Change, Clock, Commit, CommitError, EventQuery, Failure, SealChange, Sealing, Seals, TenantId, Timestamp,
};
use uuid::Uuid;

use super::*;
use crate::{ExportEvents, ExportFormat, VerifyTrail, stage::Stage};

async fn sealed(stage: &Stage) -> (u64, u64) {
    let sealed = stage.kayan.seal_events().await.unwrap();
    assert!(!sealed.busy);
    (sealed.seals, sealed.events)
}

#[tokio::test]
async fn an_event_is_sealed_when_it_is_a_minute_old_and_not_before() {
    let stage = Stage::new();
    stage.person("anna@example.org").await;
    let events = stage.store.events().len() as u64;
    stage.clock.advance(Duration::from_micros(59_999_999));
    assert_eq!(sealed(&stage).await, (0, 0));
    stage.clock.advance(Duration::from_micros(1));
    assert_eq!(sealed(&stage).await, (1, events));
    assert_eq!(sealed(&stage).await, (0, 0), "what is sealed is not sealed again");
}

#[tokio::test]
async fn a_long_trail_is_sealed_in_many_parts_and_the_chain_goes_on() {
    let stage = Stage::new();
    for number in 0..5 {
        stage.person(&format!("anna{number}@example.org")).await;
    }
    let events = stage.store.events().len() as u64;
    stage.clock.advance(Duration::from_mins(2));
    let done = stage.kayan.seal_events_by(2).await.unwrap();
    assert_eq!((done.seals, done.events), (events.div_ceil(2), events));
    let seals = stage.store.seals(&TenantId::default(), 0, 100).await.unwrap();
    let numbers: Vec<_> = seals.iter().map(|seal| seal.number).collect();
    assert_eq!(numbers, (1..=i64::try_from(seals.len()).unwrap()).collect::<Vec<_>>());
    assert!(seals.windows(2).all(|two| two[1].previous == seal::hash(&two[0])));
}

#[tokio::test]
async fn nothing_is_written_when_there_is_nothing_to_seal() {
    let stage = Stage::new();
    stage.kayan.seal_events().await.unwrap();
    stage.store.fail_next_commit(CommitError::Failed(Failure::Fault("a commit".to_owned())));
    assert_eq!(sealed(&stage).await, (0, 0));
}

#[tokio::test]
async fn who_is_second_leaves_it_to_the_first_until_that_ones_time_is_over() {
    let stage = Stage::new();
    stage.person("anna@example.org").await;
    stage.clock.advance(Duration::from_mins(2));
    let now = stage.clock.now();
    let sealing = Sealing { holder: Uuid::from_u128(1), now, until: now + LEASE, sealed_until: Timestamp::UNIX_EPOCH };
    stage.store.commit(vec![Change::Seal(SealChange::Lease(sealing))]).await.unwrap();
    assert!(stage.kayan.seal_events().await.unwrap().busy);
    stage.clock.advance(LEASE);
    assert_eq!(sealed(&stage).await.0, 1);
}

#[tokio::test]
async fn a_pass_that_failed_is_made_up_for_by_the_next_one() {
    let stage = Stage::new();
    stage.kayan.seal_events().await.unwrap();
    stage.person("anna@example.org").await;
    let events = stage.store.events().len() as u64;
    stage.clock.advance(Duration::from_mins(2));
    stage.store.fail_next_read(Failure::Unavailable("away".to_owned()));
    assert!(stage.kayan.seal_events().await.is_err());
    stage.store.fail_next_commit(CommitError::Failed(Failure::Unavailable("away".to_owned())));
    assert!(stage.kayan.seal_events().await.is_err());
    assert_eq!(sealed(&stage).await, (1, events));
}

/// Asserts that the trail is valid and all but the newest events are sealed.
async fn assert_in_order(stage: &Stage) {
    let keys = stage.kayan.seal_public_keys().await.unwrap();
    let reports = stage.kayan.verify_trail(&VerifyTrail { keys, ..VerifyTrail::default() }).await.unwrap();
    let findings: Vec<_> = reports.iter().filter_map(|report| report.finding.as_ref()).collect();
    assert!(findings.is_empty(), "{findings:?}");
}

/// Advances the clock by this many seconds, and watches it each second.
fn pass(stage: &Stage, seconds: u32) {
    for _ in 0..seconds {
        stage.clock.advance(Duration::from_secs(1));
        stage.kayan.watch_clock();
    }
}

#[tokio::test]
async fn events_after_the_clock_was_put_back_are_sealed_and_not_taken_for_inserted_ones() {
    let stage = Stage::new();
    stage.person("anna@example.org").await;
    stage.clock.advance(Duration::from_mins(2));
    assert_eq!(sealed(&stage).await.0, 1);
    let (newest, own) = (stage.clock.now(), stage.clock.now() - time::Duration::HOUR);
    stage.clock.set(own);
    stage.person("bert@example.org").await;
    let late = stage.store.events().pop().unwrap();
    assert_eq!(late.created_at, newest, "it is dated where the clock had come to");
    assert_eq!(late.metadata["clock"], "2025-12-31T23:02:00.000000Z", "and the clock's own time stands beside");
    assert_eq!(stage.kayan.watch_clock().put_back, Some(time::Duration::HOUR));
    assert_in_order(&stage).await;
    pass(&stage, 120);
    assert_eq!(sealed(&stage).await.0, 1, "it is sealed before the clock has caught up");
    assert_in_order(&stage).await;
    stage.clock.set(newest + time::Duration::HOUR);
    stage.person("carl@example.org").await;
    let event = stage.store.events().pop().unwrap();
    assert_eq!((event.created_at, event.metadata.get("clock")), (stage.clock.now(), None), "it is set right");
    assert_eq!(stage.kayan.watch_clock().behind, time::Duration::ZERO);
}

#[tokio::test]
async fn a_service_that_starts_with_a_clock_behind_the_seals_dates_its_events_behind_them() {
    let stage = Stage::new();
    stage.person("anna@example.org").await;
    stage.clock.advance(Duration::from_mins(2));
    sealed(&stage).await;
    stage.clock.advance(-time::Duration::hours(24 * 365));
    let stage = stage.restarted();
    stage.kayan.learn_seals().await.unwrap();
    stage.person("bert@example.org").await;
    assert_in_order(&stage).await;
    pass(&stage, 120);
    assert_eq!(sealed(&stage).await.0, 1, "nobody waits a year for it");
    assert_in_order(&stage).await;
    assert!(stage.kayan.clock_behind_seals().await.unwrap() > time::Duration::hours(24 * 364));
}

#[tokio::test]
async fn an_event_that_somebody_inserts_is_still_found_when_the_clock_was_put_back() {
    let stage = Stage::new();
    stage.person("anna@example.org").await;
    stage.clock.advance(Duration::from_mins(2));
    sealed(&stage).await;
    stage.clock.advance(-time::Duration::HOUR);
    stage.person("bert@example.org").await;
    let mut forged = stage.store.events().pop().unwrap();
    (forged.id, forged.created_at) = (EventId(Uuid::from_u128(7)), stage.clock.now());
    stage.store.commit(vec![Change::Record(Box::new(forged))]).await.unwrap();
    let keys = stage.kayan.seal_public_keys().await.unwrap();
    let reports = stage.kayan.verify_trail(&VerifyTrail { keys, ..VerifyTrail::default() }).await.unwrap();
    let found = reports[0].finding.as_ref().map(|finding| finding.what.kind());
    assert_eq!(found, Some("inserted"));
}

#[tokio::test]
async fn an_export_holds_what_was_dated_ahead_of_a_clock_that_was_put_back() {
    let stage = Stage::new();
    stage.person("anna@example.org").await;
    stage.clock.advance(-time::Duration::HOUR);
    stage.person("bert@example.org").await;
    stage.clock.advance(Duration::from_secs(4));
    let count = stage.store.events().len() as u64;
    let query = EventQuery::all(kayan_ports::Scope::System);
    let cmd = ExportEvents { query, format: ExportFormat::Ndjson };
    let mut export = stage.kayan.export_events(&Stage::operator(), cmd).await.unwrap();
    while export.next(&mut Vec::new()).await.unwrap() {}
    assert_eq!(export.count(), count);
}
