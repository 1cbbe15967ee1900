//! Stored responses: one for each operator, key and tenant.

use kayan_ports::{AccountChange, Change, CommitError, Scope, StoredResponse, TenantId, Unique};

use crate::{
    Bench,
    race::{MANY, only_winner, race},
    sample::{Account, at, tenant},
};

fn stored(tenant: &TenantId, operator: &str, key: &str) -> StoredResponse {
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

fn store_it(stored: &StoredResponse) -> Change {
    Change::StoreResponse(Box::new(stored.clone()))
}

pub async fn i_29_a_stored_response_is_its_operators_in_its_tenant_only(bench: &dyn Bench) {
    let store = bench.store();
    let (acme, other) = (tenant("acme"), tenant("other"));
    let all = [stored(&acme, "token/1", "k"), stored(&other, "token/1", "k"), stored(&acme, "token/2", "k")];
    store.changes.commit(all.iter().map(store_it).collect()).await.unwrap();
    for one in &all {
        assert_eq!(store.responses.stored_response(&one.tenant, &one.operator, &one.key).await, Ok(Some(one.clone())));
    }
    for (tenant, operator, key) in [(&other, "token/2", "k"), (&acme, "token/1", "K"), (&acme, "token/1", "k ")] {
        assert_eq!(store.responses.stored_response(tenant, operator, key).await, Ok(None), "{operator} {key:?}");
    }
}

pub async fn a_response_is_stored_once_under_64_parallel_tries(bench: &dyn Bench) {
    let (store, acme) = (bench.store(), tenant("acme"));
    let responses: Vec<_> =
        (0..MANY).map(|n| StoredResponse { response: n.to_string(), ..stored(&acme, "cli", "k") }).collect();
    let outcomes = race(&store, responses.iter().map(|stored| vec![store_it(stored)]).collect()).await;
    only_winner(&outcomes, &CommitError::Conflict(Unique::Response));
    let winner = outcomes.iter().position(Result::is_ok).unwrap();
    let found = store.responses.stored_response(&acme, "cli", "k").await.unwrap().unwrap();
    assert_eq!(found, responses[winner]);
}

pub async fn a_stored_response_is_deleted_with_the_identity_that_it_shows(bench: &dyn Bench) {
    let (store, tenant) = (bench.store(), TenantId::default());
    let anna = Account::register(&store, &tenant, "anna@example.org").await.identity;
    let (about, apart) = (stored(&tenant, "cli", "1"), stored(&tenant, "cli", "2"));
    let about = StoredResponse { about: Some(anna.id), ..about };
    store.changes.commit(vec![store_it(&about), store_it(&apart)]).await.unwrap();
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
