//! What a store on disk promises beyond the life of its process.

use kayan_ports::TenantId;

use crate::{
    Durable,
    sample::{Account, refresh_token, rotation},
    view::View,
};

pub async fn what_was_acknowledged_is_there_after_reopening(bench: &mut dyn Durable) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let bert = Account::register(&store, &TenantId::default(), "bert@example.org").await;
    store.changes.commit(vec![rotation(&bert.refresh, &refresh_token(&bert.session))]).await.unwrap();
    let before = View::of(&store, &bert).await;
    drop(store);
    bench.reopen().await;
    let store = bench.store();
    assert_eq!(View::of(&store, &anna).await, View::expected(&anna));
    assert_eq!(View::of(&store, &bert).await, before);
}

pub async fn what_was_refused_is_not_there_after_reopening(bench: &mut dyn Durable) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let refused = Account::of(&TenantId::default(), "anna@example.org");
    let mut changes = refused.registration();
    changes.rotate_left(1);
    store.changes.commit(changes).await.unwrap_err();
    drop(store);
    bench.reopen().await;
    let store = bench.store();
    assert_eq!(View::of(&store, &anna).await, View::expected(&anna));
    assert_eq!(
        View::of(&store, &refused).await,
        View { login_candidate: View::expected(&anna).login_candidate, ..View::of_nobody() }
    );
}
