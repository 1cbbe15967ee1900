//! What a hasher does when there is too much to do.

use std::{future::poll_fn, task::Poll};

use kayan_ports::{HashError, Password, TenantId, Verdict};

use crate::HasherBench;

const FLOOD: usize = 256;

/// The hasher on trial has one thread, and room for one that waits.
pub async fn work_beyond_the_queue_is_turned_away_and_the_rest_is_done(bench: &HasherBench) {
    let (hasher, tenant, password) = (&bench.hasher, TenantId::default(), Password::from("correct horse"));
    let hash = hasher.hash(&tenant, &password).await.unwrap();
    let mut asked: Vec<_> = (0..FLOOD).map(|_| hasher.verify(&tenant, Some(&hash), &password)).collect();
    let mut at_once = Vec::new();
    poll_fn(|context| {
        at_once = asked.iter_mut().map(|one| one.as_mut().poll(context)).collect();
        Poll::Ready(())
    })
    .await;
    let (mut turned_away, mut done) = (0, 0);
    for (poll, rest) in at_once.into_iter().zip(asked) {
        let outcome = if let Poll::Ready(outcome) = poll { outcome } else { rest.await };
        match outcome {
            Ok(Verdict::Match) => done += 1,
            Err(HashError::Overloaded) => turned_away += 1,
            other => panic!("neither done nor turned away: {other:?}"),
        }
    }
    assert!(done > 0 && turned_away > 0, "{done} done, {turned_away} turned away");
    assert_eq!(hasher.verify(&tenant, Some(&hash), &password).await, Ok(Verdict::Match), "it does not recover");
}

pub async fn work_whose_asker_left_makes_room(bench: &HasherBench) {
    let (hasher, tenant, password) = (&bench.hasher, TenantId::default(), Password::from("correct horse"));
    for _ in 0..FLOOD {
        let mut abandoned = hasher.hash(&tenant, &password);
        let poll = poll_fn(|context| Poll::Ready(abandoned.as_mut().poll(context))).await;
        assert!(!matches!(poll, Poll::Ready(Err(HashError::Overloaded))), "abandoned work keeps new work out");
    }
}

pub async fn other_work_is_done_away_from_the_callers_thread(bench: &HasherBench) {
    let (done, seen) = std::sync::mpsc::channel();
    let work = move || done.send(std::thread::current().id()).unwrap();
    bench.hasher.compute(&TenantId::default(), Box::new(work)).await.unwrap();
    assert_ne!(seen.recv().unwrap(), std::thread::current().id());
}
