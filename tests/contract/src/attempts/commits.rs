//! Attempts that are counted in the store are forgotten with the commit that says so.

use kayan_ports::{Change, CommitError, Guard, Reservation, SessionChange, SessionId, TenantId};

use crate::{
    AttemptsBench,
    attempts::counting::{key, lock, reserve},
    sample::{second as at, uuid},
};

pub async fn attempts_are_forgotten_with_the_commit(bench: &AttemptsBench) {
    let (one, other) = (key(), key());
    lock(&bench.attempts, &one, at(0)).await;
    lock(&bench.attempts, &other, at(0)).await;
    let forget = bench.attempts.forgetting(&one).expect("attempts in the store are forgotten by a change");
    bench.within.as_ref().unwrap().store().changes.commit(vec![forget]).await.unwrap();
    lock(&bench.attempts, &one, at(1)).await;
    assert!(matches!(reserve(&bench.attempts, &other, at(1)).await, Reservation::Locked { .. }));
}

pub async fn attempts_are_not_forgotten_with_a_commit_that_failed(bench: &AttemptsBench) {
    let one = key();
    lock(&bench.attempts, &one, at(0)).await;
    let (tenant, session) = (TenantId::default(), SessionId(uuid()));
    let stale = Change::Session(SessionChange::Revoke { tenant, identity: kayan_ports::IdentityId(uuid()), session });
    let forget = bench.attempts.forgetting(&one).unwrap();
    assert_eq!(
        bench.within.as_ref().unwrap().store().changes.commit(vec![forget, stale]).await,
        Err(CommitError::Stale(Guard::Session))
    );
    assert!(matches!(reserve(&bench.attempts, &one, at(1)).await, Reservation::Locked { .. }));
}
