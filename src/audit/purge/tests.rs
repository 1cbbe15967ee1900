//! Tests of what a purge removes and records.

use std::time::Duration as Span;

use kayan_ports::{AuditEvent, Commit, Outcome, TenantId};

use super::*;
use crate::{Grants, stage::Stage};

/// This many users, one registration each second.
async fn busy(stage: &Stage, people: u32) {
    for number in 0..people {
        stage.person(&format!("p{number}@example.org")).await;
        stage.clock.advance(Span::from_secs(1));
    }
}

fn older(stage: &Stage, before: Timestamp) -> Vec<AuditEvent> {
    stage.store.events().into_iter().filter(|event| event.created_at < before).collect()
}

#[tokio::test]
async fn a_purge_removes_what_is_older_and_tells_the_tenant_how_much() {
    let stage = Stage::new();
    let begin = stage.kayan.clock.now();
    busy(&stage, 5).await;
    let before = begin + Duration::seconds(3);
    let (all, gone) = (stage.store.events().len(), older(&stage, before).len());
    assert!(gone > 3);
    let count = stage.kayan.purge_events(&Stage::operator(), before).await.unwrap();
    assert_eq!(count, u64::try_from(gone).unwrap());
    assert_eq!((older(&stage, before).len(), stage.store.events().len()), (0, all - gone + 2));
    let events = stage.store.events();
    let [.., action, told] = &events[..] else { panic!("{events:?}") };
    assert_eq!((action.kind, told.kind), (EventType::AdminAction, EventType::AuditPurged));
    for event in [action, told] {
        assert_eq!(
            (&event.metadata["before"], &event.metadata["count"]),
            (&timestamp::text(before).into(), &count.into())
        );
        assert_eq!((&event.tenant, event.outcome), (&TenantId::default(), Outcome::Success));
    }
}

#[tokio::test]
async fn a_purge_of_more_than_a_batch_goes_on_to_the_end() {
    let stage = Stage::new();
    let (now, owner) = (stage.kayan.clock.now(), stage.person("anna@example.org").await.identity);
    let record = |number: u32| {
        let at = now - Duration::DAY + Duration::microseconds(i64::from(number / 2));
        stage.kayan.bare_event(owner.tenant.clone(), EventType::Logout, at, "out").record()
    };
    stage.store.commit((0..2 * BATCH + 7).map(record).collect()).await.unwrap();
    let count = stage.kayan.purge_events(&Stage::operator(), now).await.unwrap();
    assert_eq!((count, older(&stage, now).len()), (u64::from(2 * BATCH + 7), 0));
}

#[tokio::test]
async fn what_has_not_happened_is_not_purged() {
    let stage = Stage::new();
    busy(&stage, 1).await;
    let before = stage.kayan.clock.now() + Duration::MICROSECOND;
    let refused = stage.kayan.purge_events(&Stage::operator(), before).await;
    assert_eq!(refused, Err(PurgeEventsError::InFuture(timestamp::text(before))));
    assert!(!older(&stage, before).is_empty());
}

#[tokio::test]
async fn i_29_a_purge_leaves_other_tenants_alone() {
    let stage = Stage::new();
    busy(&stage, 1).await;
    let all = stage.store.events().len();
    let operator = Operator::at_the_command_line(Scope::Tenant("other".parse().unwrap()));
    assert_eq!(stage.kayan.purge_events(&operator, stage.kayan.clock.now()).await, Ok(0));
    assert_eq!(stage.store.events().len(), all + 1, "but for what tells of it");
}

#[tokio::test]
async fn a_purge_needs_its_permission() {
    let stage = Stage::new();
    let operator = Operator { grants: Grants::direct(["audit:export".parse().unwrap()]), ..Stage::operator() };
    let refused = stage.kayan.purge_events(&operator, stage.kayan.clock.now()).await;
    assert!(matches!(refused, Err(PurgeEventsError::Denied(DeniedError::Forbidden(_)))));
}

#[tokio::test]
async fn events_go_when_they_are_older_than_they_are_to_be_kept_and_not_before() {
    let stage = Stage::new();
    busy(&stage, 2).await;
    let all = stage.store.events().len();
    stage.clock.advance(Span::from_hours(24) - Span::from_secs(2));
    assert_eq!(stage.kayan.retain_events(Span::from_hours(24)).await, Ok(0));
    assert_eq!(stage.store.events().len(), all, "nothing happened, and nothing is told");
    stage.clock.advance(Span::from_micros(1));
    let gone = stage.kayan.retain_events(Span::from_hours(24)).await.unwrap();
    assert!(gone > 0);
    let left = stage.store.events();
    assert_eq!(left.len(), all - usize::try_from(gone).unwrap() + 1);
    assert_eq!(left.last().unwrap().kind, EventType::AuditPurged);
    assert_eq!(stage.kayan.retain_events(Span::MAX).await, Ok(0), "for ever");
}
