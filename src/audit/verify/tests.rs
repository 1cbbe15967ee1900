//! Tests of the reports on valid trails, and on missing ones.

use std::time::Duration;

use kayan_ports::TenantId;

use super::VerifyTrail;
use crate::{
    policy::seal::{Finding, Head, What},
    stage::Stage,
};

#[tokio::test]
async fn a_trail_in_order_is_counted_and_its_last_seal_told() {
    let stage = Stage::new();
    stage.person("anna@example.org").await;
    let events = stage.store.events().len() as u64;
    stage.clock.advance(Duration::from_mins(2));
    stage.kayan.seal_events().await.unwrap();
    stage.person("bert@example.org").await;
    let keys = stage.kayan.seal_public_keys().await.unwrap();
    let cmd = VerifyTrail { keys, ..VerifyTrail::default() };
    let reports = stage.kayan.verify_trail(&cmd).await.unwrap();
    let report = &reports[0];
    assert_eq!((reports.len(), &report.finding), (1, &None));
    assert_eq!((report.seals, report.events, report.unsealed), (1, events, events));
    assert_eq!(report.head.unwrap().number, 1);
    // The same seal is still there, and a later one is missing.
    let expecting = |head: Head| VerifyTrail { expected: [(TenantId::default(), head)].into(), ..cmd.clone() };
    let head = report.head.unwrap();
    assert_eq!(stage.kayan.verify_trail(&expecting(head)).await.unwrap()[0].finding, None);
    let later = stage.kayan.verify_trail(&expecting(Head { number: 2, ..head })).await.unwrap();
    assert_eq!(later[0].finding, Some(Finding { seal: 1, what: What::Truncated(2) }));
    let other = stage.kayan.verify_trail(&expecting(Head { hash: [0; 32], ..head })).await.unwrap();
    assert_eq!(other[0].finding, Some(Finding { seal: 1, what: What::OtherHead }));
}

#[tokio::test]
async fn a_key_that_nobody_trusts_proves_nothing() {
    let stage = Stage::new();
    stage.person("anna@example.org").await;
    stage.clock.advance(Duration::from_mins(2));
    stage.kayan.seal_events().await.unwrap();
    let reports = stage.kayan.verify_trail(&VerifyTrail { keys: vec![[1; 32]], ..VerifyTrail::default() }).await;
    let key = stage.kayan.seal_public_keys().await.unwrap()[0];
    assert_eq!(reports.unwrap()[0].finding, Some(Finding { seal: 1, what: What::UnknownKey(key) }));
}

#[tokio::test]
async fn a_trail_that_is_gone_altogether_is_missed_by_who_has_seen_it() {
    let stage = Stage::new();
    let tenant: TenantId = "acme".parse().unwrap();
    let expected = [(tenant.clone(), Head { number: 3, hash: [1; 32] })].into();
    let reports = stage.kayan.verify_trail(&VerifyTrail { expected, ..VerifyTrail::default() }).await.unwrap();
    assert_eq!(reports[0].tenant, tenant);
    assert_eq!(reports[0].finding, Some(Finding { seal: 0, what: What::Truncated(3) }));
}
