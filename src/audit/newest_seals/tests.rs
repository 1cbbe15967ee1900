//! Tests of verifying the newest seals.

use std::time::Duration;

use kayan_ports::{Change, Commit, SealChange, Seals};

use super::*;
use crate::stage::Stage;

/// A trail with this many seals.
async fn sealed(times: i64) -> Stage {
    let stage = Stage::new();
    for number in 0..times {
        stage.person(&format!("anna{number}@example.org")).await;
        stage.clock.advance(Duration::from_mins(2));
        stage.kayan.seal_events().await.unwrap();
    }
    stage
}

#[tokio::test]
async fn the_newest_seal_is_in_order_alone_and_behind_others() {
    assert_eq!(Stage::new().kayan.check_newest_seals(9).await.unwrap(), []);
    for times in [1, 3] {
        let found = sealed(times).await.kayan.check_newest_seals(9).await.unwrap();
        assert_eq!(found, [NewestSeal { tenant: TenantId::default(), number: times, problem: None }]);
    }
}

#[tokio::test]
async fn a_newest_seal_that_was_added_by_somebody_else_is_found() {
    let stage = sealed(2).await;
    let genuine = stage.store.last_seal(&TenantId::default()).await.unwrap().unwrap();
    let add = async |change: &dyn Fn(&mut kayan_ports::Seal)| {
        let stage = sealed(2).await;
        let mut seal = stage.store.last_seal(&TenantId::default()).await.unwrap().unwrap();
        (seal.number, seal.previous) = (3, hash(&seal));
        change(&mut seal);
        stage.store.commit(vec![Change::Seal(SealChange::Add(Box::new(seal)))]).await.unwrap();
        stage.kayan.check_newest_seals(1).await.unwrap().pop().unwrap().problem
    };
    assert_eq!(add(&|_| {}).await, Some(What::BadSignature));
    assert_eq!(add(&|seal| seal.public_key = [1; 32]).await, Some(What::UnknownKey([1; 32])));
    assert_eq!(add(&|seal| seal.previous = genuine.previous).await, Some(What::Forked));
    assert_eq!(add(&|seal| seal.number = 9).await, Some(What::BadNumber(8)));
}
