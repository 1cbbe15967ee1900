//! Accounts as an export reads them.

use kayan_ports::{
    Account, AccountChange, AccountQuery, Change, CredentialChange, Identity, IdentityId, PasswordHash, Scope, State,
    Stores, TenantId, Timestamp,
};

use crate::{
    Bench,
    sample::{at, creation, identity, password, tenant},
};

fn query(limit: u32) -> AccountQuery {
    AccountQuery { tenant: TenantId::default(), state: None, after: None, hashes: false, limit }
}

async fn created(store: &Stores, made: Timestamp) -> Identity {
    let identity = Identity { created_at: made, ..identity(&TenantId::default()) };
    store.changes.commit(vec![creation(&identity, vec![])]).await.unwrap();
    identity
}

/// All pages of this size, one after the other.
async fn pages(store: &Stores, limit: u32) -> Vec<Vec<Identity>> {
    let (mut pages, mut next) = (Vec::new(), query(limit));
    loop {
        let page: Vec<_> = store.accounts.accounts(&next).await.unwrap().into_iter().map(|it| it.identity).collect();
        let Some(last) = page.last() else { return pages };
        next.after = Some((last.created_at, last.id));
        pages.push(page);
        assert!(pages.len() < 100, "it does not end");
    }
}

pub async fn accounts_are_read_oldest_first_and_each_once(bench: &dyn Bench) {
    let store = bench.store();
    let mut all = Vec::new();
    for seconds in [30, 10, 20, 40, 10] {
        all.push(created(&store, at(seconds)).await);
    }
    all.sort_by_key(|identity| (identity.created_at, identity.id));
    for limit in [1, 2, 5, 100] {
        assert_eq!(pages(&store, limit).await.concat(), all, "{limit} at a time");
    }
    assert_eq!(pages(&store, 2).await.len(), 3);
}

pub async fn accounts_of_one_moment_are_all_read(bench: &dyn Bench) {
    let store = bench.store();
    let mut all: Vec<IdentityId> = Vec::new();
    for _ in 0..7 {
        all.push(created(&store, at(0)).await.id);
    }
    all.sort();
    let read: Vec<IdentityId> = pages(&store, 3).await.concat().into_iter().map(|identity| identity.id).collect();
    assert_eq!(read, all);
}

pub async fn accounts_come_with_their_hashes_where_these_are_wanted(bench: &dyn Bench) {
    let store = bench.store();
    let (anna, bert) = (created(&store, at(1)).await, created(&store, at(2)).await);
    let credential = password(&anna);
    store.changes.commit(vec![Change::Credential(CredentialChange::Add(Box::new(credential.clone())))]).await.unwrap();
    let read = |hash: Option<PasswordHash>| vec![Account { identity: anna.clone(), hash }, bare(&bert)];
    let wanted = AccountQuery { hashes: true, ..query(100) };
    assert_eq!(store.accounts.accounts(&wanted).await, Ok(read(Some(credential.secret))));
    assert_eq!(store.accounts.accounts(&query(100)).await, Ok(read(None)));
}

fn bare(identity: &Identity) -> Account {
    Account { identity: identity.clone(), hash: None }
}

pub async fn accounts_can_be_those_of_a_state(bench: &dyn Bench) {
    let store = bench.store();
    let (anna, bert) = (created(&store, at(1)).await, created(&store, at(2)).await);
    let lock = Change::Account(AccountChange::SetState {
        scope: Scope::System,
        identity: bert.id,
        expected: None,
        state: State::Locked,
        until: None,
        at: at(3),
    });
    store.changes.commit(vec![lock]).await.unwrap();
    for (state, id) in [(State::Active, anna.id), (State::Locked, bert.id)] {
        let found = store.accounts.accounts(&AccountQuery { state: Some(state), ..query(100) }).await.unwrap();
        assert_eq!(found.iter().map(|it| it.identity.id).collect::<Vec<_>>(), [id], "{state:?}");
    }
}

pub async fn i_29_accounts_are_those_of_the_tenant_alone(bench: &dyn Bench) {
    let store = bench.store();
    bench.add_tenant(&tenant("other"), true).await;
    let here = created(&store, at(1)).await;
    let there = identity(&tenant("other"));
    store
        .changes
        .commit(vec![creation(&there, vec![]), Change::Credential(CredentialChange::Add(Box::new(password(&there))))])
        .await
        .unwrap();
    assert_eq!(store.accounts.accounts(&query(100)).await, Ok(vec![bare(&here)]));
    let theirs = AccountQuery { tenant: tenant("other"), ..query(100) };
    assert_eq!(store.accounts.accounts(&theirs).await, Ok(vec![bare(&there)]));
    let nobodys = AccountQuery { tenant: tenant("nowhere"), hashes: true, ..query(100) };
    assert_eq!(store.accounts.accounts(&nobodys).await, Ok(vec![]));
}

pub async fn every_tenant_with_accounts_is_met_once(bench: &dyn Bench) {
    let store = bench.store();
    assert_eq!(store.accounts.tenant_with_accounts(None).await, Ok(None));
    for name in ["b", "a-1", "a", "empty"] {
        bench.add_tenant(&tenant(name), name != "a").await;
    }
    for name in ["b", "a-1"] {
        store.changes.commit(vec![creation(&identity(&tenant(name)), vec![])]).await.unwrap();
    }
    created(&store, at(1)).await;
    let (mut met, mut after) = (Vec::new(), None);
    while let Some(next) = store.accounts.tenant_with_accounts(after.as_ref()).await.unwrap() {
        met.push(next.clone());
        after = Some(next);
        assert!(met.len() < 10, "it does not end");
    }
    met.sort();
    assert_eq!(met, [tenant("a-1"), tenant("b"), TenantId::default()]);
}
