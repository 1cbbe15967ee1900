//! Kept answers: one for each operator, key and tenant.

use kayan_ports::{AccountChange, Change, CommitError, Scope, StoredResponse, TenantId, Unique};

use crate::{
    Bench,
    race::{MANY, only_winner, race},
    sample::{Account, at, tenant},
};

fn kept(tenant: &TenantId, operator: &str, key: &str) -> StoredResponse {
    StoredResponse {
        tenant: tenant.clone(),
        operator: operator.to_owned(),
        key: key.to_owned(),
        request: [7; 32],
        about: None,
        response: format!("{{\"said\":\"to {operator} in {tenant}: ü\"}}"),
        at: at(5),
    }
}

fn keep(kept: &StoredResponse) -> Change {
    Change::StoreResponse(Box::new(kept.clone()))
}

pub async fn i_29_an_answer_is_its_operators_in_its_tenant_only(bench: &dyn Bench) {
    let store = bench.store();
    let (acme, other) = (tenant("acme"), tenant("other"));
    let all = [kept(&acme, "token/1", "k"), kept(&other, "token/1", "k"), kept(&acme, "token/2", "k")];
    store.changes.commit(all.iter().map(keep).collect()).await.unwrap();
    for one in &all {
        assert_eq!(store.responses.stored_response(&one.tenant, &one.operator, &one.key).await, Ok(Some(one.clone())));
    }
    for (tenant, operator, key) in [(&other, "token/2", "k"), (&acme, "token/1", "K"), (&acme, "token/1", "k ")] {
        assert_eq!(store.responses.stored_response(tenant, operator, key).await, Ok(None), "{operator} {key:?}");
    }
}

pub async fn an_answer_is_kept_once_under_64_parallel_tries(bench: &dyn Bench) {
    let (store, acme) = (bench.store(), tenant("acme"));
    let answers: Vec<_> =
        (0..MANY).map(|n| StoredResponse { response: n.to_string(), ..kept(&acme, "cli", "k") }).collect();
    let outcomes = race(&store, answers.iter().map(|kept| vec![keep(kept)]).collect()).await;
    only_winner(&outcomes, &CommitError::Conflict(Unique::Response));
    let winner = outcomes.iter().position(Result::is_ok).unwrap();
    let found = store.responses.stored_response(&acme, "cli", "k").await.unwrap().unwrap();
    assert_eq!(found, answers[winner]);
}

pub async fn an_answer_goes_with_the_identity_that_it_shows(bench: &dyn Bench) {
    let (store, tenant) = (bench.store(), TenantId::default());
    let anna = Account::register(&store, &tenant, "anna@example.org").await.identity;
    let (about, apart) = (kept(&tenant, "cli", "1"), kept(&tenant, "cli", "2"));
    let about = StoredResponse { about: Some(anna.id), ..about };
    store.changes.commit(vec![keep(&about), keep(&apart)]).await.unwrap();
    assert_eq!(store.responses.stored_response(&tenant, "cli", "1").await, Ok(Some(about)));
    let scope = Scope::Tenant(tenant.clone());
    store
        .changes
        .commit(vec![Change::Account(AccountChange::Delete { scope, identity: anna.id, expected: None })])
        .await
        .unwrap();
    assert_eq!(store.responses.stored_response(&tenant, "cli", "1").await, Ok(None));
    assert_eq!(store.responses.stored_response(&tenant, "cli", "2").await, Ok(Some(apart)));
}
