//! How many attempts go on, and from when to when.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use kayan_ports::{AttemptCounter, AttemptKey, Lockout, Reservation, Target, TenantId, Timestamp};

use crate::{
    AttemptsBench,
    race::{MANY, together},
    sample::{second as at, unique},
};

type Counter = Arc<dyn AttemptCounter>;

const MILLISECOND: Duration = Duration::from_millis(1);
const LOCKOUT: Lockout = Lockout { name: "login", max_failures: 5, duration: Duration::from_mins(15) };

/// A target without failed attempts.
pub(crate) fn key() -> AttemptKey {
    let mut identifier = [0; 32];
    identifier[..16].copy_from_slice(unique().as_bytes());
    AttemptKey { target: Target { tenant: TenantId::default(), identifier }, known_origin: None }
}

fn from(key: &AttemptKey, address: &str) -> AttemptKey {
    AttemptKey { known_origin: Some(address.to_owned()), ..key.clone() }
}

pub(crate) async fn reserve(counter: &Counter, key: &AttemptKey, now: Timestamp) -> Reservation {
    counter.reserve(key, &LOCKOUT, now).await.unwrap()
}

/// Reserves this many attempts, all of which must be admitted.
pub(crate) async fn guess(counter: &Counter, key: &AttemptKey, times: u32, now: Timestamp) {
    for number in 0..times {
        assert_eq!(reserve(counter, key, now).await, Reservation::Reserved, "attempt {number}");
    }
}

pub(crate) async fn lock(counter: &Counter, key: &AttemptKey, now: Timestamp) {
    guess(counter, key, LOCKOUT.max_failures, now).await;
    assert_eq!(reserve(counter, key, now).await, Reservation::Locked { until: now + LOCKOUT.duration });
}

async fn forget(bench: &AttemptsBench, key: &AttemptKey) {
    if let Some(change) = bench.attempts.forgetting(key) {
        let within = bench.within.as_ref().expect("a counter that is forgotten by a change is in a store");
        within.store().changes.commit(vec![change]).await.unwrap();
    }
    bench.attempts.forget(key).await.unwrap();
}

pub async fn so_many_attempts_go_on_and_then_none(bench: &AttemptsBench) {
    lock(&bench.attempts, &key(), at(0)).await;
}

pub async fn a_lock_ends_exactly_its_duration_after_the_last_attempt(bench: &AttemptsBench) {
    let counter = &bench.attempts;
    let key = key();
    guess(counter, &key, LOCKOUT.max_failures - 1, at(0)).await;
    guess(counter, &key, 1, at(60)).await;
    let until = at(60) + LOCKOUT.duration;
    assert_eq!(reserve(counter, &key, until - MILLISECOND).await, Reservation::Locked { until });
    lock(counter, &key, until).await;
}

pub async fn whether_it_is_locked_is_told_without_counting(bench: &AttemptsBench) {
    let counter = &bench.attempts;
    let key = key();
    let locked = async |now| counter.locked(&key, &LOCKOUT, now).await.unwrap();
    assert_eq!(locked(at(0)).await, None, "nothing was counted yet");
    guess(counter, &key, LOCKOUT.max_failures - 1, at(0)).await;
    for _ in 0..LOCKOUT.max_failures {
        assert_eq!(locked(at(0)).await, None);
    }
    guess(counter, &key, 1, at(60)).await;
    let until = at(60) + LOCKOUT.duration;
    for now in [at(60), until - MILLISECOND] {
        assert_eq!(locked(now).await, Some(until));
    }
    assert_eq!(counter.locked(&from(&key, "192.0.2.1"), &LOCKOUT, at(60)).await, Ok(None), "counted apart");
    assert_eq!(locked(until).await, None);
    lock(counter, &key, until).await;
    counter.unlock(&key.target).await.unwrap();
    assert_eq!(locked(until).await, None);
}

pub async fn a_locked_attempt_does_not_prolong_the_lock(bench: &AttemptsBench) {
    let counter = &bench.attempts;
    let key = key();
    lock(counter, &key, at(0)).await;
    let until = at(0) + LOCKOUT.duration;
    for second in [1, 60, 600] {
        assert_eq!(reserve(counter, &key, at(second)).await, Reservation::Locked { until });
    }
}

pub async fn attempts_far_apart_do_not_add_up(bench: &AttemptsBench) {
    let counter = &bench.attempts;
    let key = key();
    guess(counter, &key, LOCKOUT.max_failures - 1, at(0)).await;
    lock(counter, &key, at(0) + LOCKOUT.duration).await;
}

pub async fn i_09_at_most_so_many_of_64_parallel_attempts_go_on(bench: &AttemptsBench) {
    let counter = &bench.attempts;
    for round in 0..8 {
        let key = key();
        let outcomes = together((0..MANY).map(|_| {
            let (counter, key) = (Arc::clone(counter), key.clone());
            async move { reserve(&counter, &key, at(0)).await }
        }));
        let outcomes = outcomes.await;
        let reserved = outcomes.iter().filter(|outcome| **outcome == Reservation::Reserved).count();
        assert_eq!(u32::try_from(reserved), Ok(LOCKOUT.max_failures), "round {round}");
        let locked = Reservation::Locked { until: at(0) + LOCKOUT.duration };
        assert!(outcomes.iter().all(|outcome| [Reservation::Reserved, locked].contains(outcome)), "{outcomes:?}");
    }
}

/// None is refused as locked while the attempts before it are being forgotten.
pub async fn parallel_logins_forget_attempts_and_lock_nobody(bench: &AttemptsBench) {
    let patient = Lockout { max_failures: 1000, ..LOCKOUT };
    let key = key();
    let (patient, key) = (&patient, &key);
    let outcomes = join_all((0..MANY).map(|_| async move {
        let reserved = bench.attempts.reserve(key, patient, at(0)).await.unwrap();
        forget(bench, key).await;
        reserved
    }));
    let outcomes = outcomes.await;
    assert!(outcomes.iter().all(|outcome| *outcome == Reservation::Reserved), "{outcomes:?}");
}

pub async fn an_attempt_given_back_is_not_counted(bench: &AttemptsBench) {
    let counter = &bench.attempts;
    let key = key();
    for _ in 0..LOCKOUT.max_failures * 2 {
        guess(counter, &key, 1, at(0)).await;
        counter.release(&key).await.unwrap();
    }
    lock(counter, &key, at(0)).await;
    counter.release(&key).await.unwrap();
    guess(counter, &key, 1, at(0)).await;
}

pub async fn giving_back_what_was_not_reserved_earns_nothing(bench: &AttemptsBench) {
    let counter = &bench.attempts;
    let key = key();
    for _ in 0..3 {
        counter.release(&key).await.unwrap();
    }
    guess(counter, &key, 1, at(0)).await;
    for _ in 0..3 {
        counter.release(&key).await.unwrap();
    }
    lock(counter, &key, at(0)).await;
}

pub async fn forgotten_attempts_are_counted_anew(bench: &AttemptsBench) {
    let counter = &bench.attempts;
    let key = key();
    lock(counter, &key, at(0)).await;
    forget(bench, &key).await;
    lock(counter, &key, at(1)).await;
}

pub async fn every_target_and_every_known_network_is_counted_apart(bench: &AttemptsBench) {
    let counter = &bench.attempts;
    let one = key();
    lock(counter, &one, at(0)).await;
    lock(counter, &key(), at(0)).await;
    lock(counter, &from(&one, "192.0.2.1"), at(0)).await;
    lock(counter, &from(&one, "192.0.2.2"), at(0)).await;
    let elsewhere = Target { tenant: "elsewhere".parse().unwrap(), ..one.target.clone() };
    lock(counter, &AttemptKey { target: elsewhere, known_origin: None }, at(0)).await;
    forget(bench, &from(&one, "192.0.2.1")).await;
    assert!(matches!(reserve(counter, &one, at(0)).await, Reservation::Locked { .. }));
    assert!(matches!(reserve(counter, &from(&one, "192.0.2.2"), at(0)).await, Reservation::Locked { .. }));
}

pub async fn unlocking_a_target_forgets_every_place_and_nobody_else(bench: &AttemptsBench) {
    let counter = &bench.attempts;
    let (one, other) = (key(), key());
    for key in [&one, &from(&one, "192.0.2.1"), &other] {
        lock(counter, key, at(0)).await;
    }
    counter.unlock(&one.target).await.unwrap();
    for key in [&one, &from(&one, "192.0.2.1")] {
        lock(counter, key, at(0)).await;
    }
    assert!(matches!(reserve(counter, &other, at(0)).await, Reservation::Locked { .. }));
}
