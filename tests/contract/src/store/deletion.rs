//! What goes with an identity, and what stays.

use kayan_ports::{AccountChange, Change, CommitError, Guard, Lookup, Scope, TenantId};

use crate::{
    Bench,
    sample::{Account, add_device, device, event, identity, record, refresh_token, rotation},
    view::View,
};

fn deletion(of: &Account) -> Change {
    Change::Account(AccountChange::Delete {
        scope: Scope::Tenant(of.tenant().clone()),
        identity: of.identity.id,
        expected: None,
    })
}

pub async fn deleting_an_identity_takes_its_sessions_tokens_and_devices_but_keeps_its_events(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let next = refresh_token(&anna.session);
    store.changes.commit(vec![add_device(&device(&anna.identity)), rotation(&anna.refresh, &next)]).await.unwrap();
    let farewell = event(&anna.identity);
    store.changes.commit(vec![deletion(&anna), record(&farewell)]).await.unwrap();
    let left = View { events: vec![anna.event.clone(), farewell], ..View::of_nobody() };
    assert_eq!(View::of(&store, &anna).await, left);
    assert_eq!(store.sessions.refreshing(anna.tenant(), &next.hash).await, Ok(Lookup::Absent));
    assert_eq!(store.devices.devices(anna.tenant(), anna.identity.id).await, Ok(Vec::new()));
}

pub async fn deleting_an_identity_frees_its_identifier(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    store.changes.commit(vec![deletion(&anna)]).await.unwrap();
    let other = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    assert_eq!(View::of(&store, &other).await, View::expected(&other));
}

pub async fn deleting_an_identity_leaves_the_others(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let bert = Account::register(&store, &TenantId::default(), "bert@example.org").await;
    store.changes.commit(vec![deletion(&anna)]).await.unwrap();
    assert_eq!(View::of(&store, &bert).await, View::expected(&bert));
}

pub async fn an_absent_identity_is_not_deleted(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    store.changes.commit(vec![deletion(&anna)]).await.unwrap();
    let nobody = identity(&TenantId::default());
    let again = Change::Account(AccountChange::Delete { scope: Scope::System, identity: nobody.id, expected: None });
    for deletion in [deletion(&anna), again] {
        assert_eq!(store.changes.commit(vec![deletion]).await, Err(CommitError::Stale(Guard::Identity)));
    }
}
