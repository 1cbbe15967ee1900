//! Tests of what is removed, and when.

use std::time::Duration;

use kayan_ports::{AttemptCounter, AttemptKey, Clock, Lockout, Reservation, Target, TenantId};

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
        settings.lockout = Some(LockoutSettings { lockout: LOCKOUT, known_networks_apart: true });
    });
    let target = Target { tenant: TenantId::default(), identifier: [7; 32] };
    let key = AttemptKey { target, known_network: None };
    let reserve = async || stage.store.reserve(&key, &LOCKOUT, stage.clock.now()).await.unwrap();
    assert_eq!(reserve().await, Reservation::Reserved);
    stage.clock.set(stage.clock.now() + LOCKOUT.duration - Duration::from_secs(1));
    stage.kayan.clean_up().await.unwrap();
    assert!(matches!(reserve().await, Reservation::Locked { .. }));
}
