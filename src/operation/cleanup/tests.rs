//! Tests of what is removed, and when.

use std::time::Duration;

use kayan_ports::{
    AttemptCounter, AttemptKey, Change, Clock, Commit, Lockout, Message, MessageId, MessageKind, MessageState, Outbox,
    OutboxChange, Reservation, Scope, Target, TenantId,
};
use uuid::Uuid;

use crate::{LockoutSettings, stage::Stage};

const LOCKOUT: Lockout = Lockout { name: "login", max_failures: 1, duration: Duration::from_mins(15) };

#[tokio::test]
async fn sessions_go_a_day_after_their_end_and_not_before() {
    let stage = Stage::new();
    let opened = stage.person("anna@example.org").await;
    stage.clock.set(opened.session.ends_at + time::Duration::DAY);
    stage.kayan.clean_up().await.unwrap();
    assert_eq!(stage.store.count_sessions(), 1);
    stage.clock.advance(Duration::from_secs(1));
    stage.kayan.clean_up().await.unwrap();
    assert_eq!(stage.store.count_sessions(), 0);
}

#[tokio::test]
async fn attempts_that_still_lock_are_kept() {
    let stage = Stage::with(|settings| {
        settings.lockout = Some(LockoutSettings { lockout: LOCKOUT, known_origins_apart: true });
    });
    let target = Target { tenant: TenantId::default(), identifier: [7; 32] };
    let key = AttemptKey { target, known_origin: None };
    let reserve = async || stage.store.reserve(&key, &LOCKOUT, stage.clock.now()).await.unwrap();
    assert_eq!(reserve().await, Reservation::Reserved);
    stage.clock.set(stage.clock.now() + LOCKOUT.duration - Duration::from_secs(1));
    stage.kayan.clean_up().await.unwrap();
    assert!(matches!(reserve().await, Reservation::Locked { .. }));
}

#[tokio::test]
async fn messages_go_30_days_after_they_were_delivered_or_given_up_and_those_that_wait_stay() {
    let (stage, waiting) = (Stage::new(), MessageId(Uuid::from_u128(1)));
    let now = stage.clock.now();
    let message = |id, state, finished_at| Message {
        id,
        tenant: TenantId::default(),
        identity: None,
        kind: MessageKind::Test,
        recipient: "anna@example.org".to_owned(),
        languages: String::new(),
        data: None,
        state,
        attempts: 0,
        due_at: now,
        error: None,
        created_at: now,
        finished_at,
    };
    let ended = [(2, MessageState::Delivered), (3, MessageState::Dead)];
    let ended = ended.map(|(number, state)| message(MessageId(Uuid::from_u128(number)), state, Some(now)));
    let all = ended.iter().cloned().chain([message(waiting, MessageState::Due, None)]);
    stage.store.commit(all.map(|it| Change::Outbox(OutboxChange::Enqueue(Box::new(it)))).collect()).await.unwrap();
    let is_there = async |id| stage.store.message(&Scope::System, id).await.unwrap().is_some();

    stage.clock.set(now + time::Duration::days(30));
    stage.kayan.clean_up().await.unwrap();
    assert!(is_there(ended[0].id).await && is_there(ended[1].id).await);
    stage.clock.advance(Duration::from_secs(1));
    stage.kayan.clean_up().await.unwrap();
    assert!(!is_there(ended[0].id).await && !is_there(ended[1].id).await);
    assert!(is_there(waiting).await);
}
