//! What is sealed, and when.

use std::time::Duration;

use kayan_ports::{Change, Clock, CommitError, Sealing, Store, StoreError, TenantId, Timestamp};
use uuid::Uuid;

use super::*;
use crate::stage::Stage;

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
    stage.store.fail_next_commit(CommitError::Fault("a commit".to_owned()));
    assert_eq!(sealed(&stage).await, (0, 0));
}

#[tokio::test]
async fn who_is_second_leaves_it_to_the_first_until_that_ones_time_is_over() {
    let stage = Stage::new();
    stage.person("anna@example.org").await;
    stage.clock.advance(Duration::from_mins(2));
    let now = stage.clock.now();
    let sealing = Sealing { holder: Uuid::from_u128(1), now, until: now + LEASE, sealed_until: Timestamp::UNIX_EPOCH };
    stage.store.commit(vec![Change::KeepSealing(sealing)]).await.unwrap();
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
    stage.store.fail_next_read(StoreError::Unavailable("away".to_owned()));
    assert!(stage.kayan.seal_events().await.is_err());
    stage.store.fail_next_commit(CommitError::Unavailable("away".to_owned()));
    assert!(stage.kayan.seal_events().await.is_err());
    assert_eq!(sealed(&stage).await, (1, events));
}
