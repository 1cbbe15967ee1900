//! Issuer keys: one of each use and algorithm that is next, and one that is active, also after parallel changes.

use kayan_ports::{
    Change, CommitError, Guard, IssuerKey, IssuerKeyState, JwsAlgorithm, KeyUse, Scope, TenantId, Unique,
};

use crate::{
    Bench,
    issuer_key_verbs::{activate, add, issuer_key, retire},
    race::{MANY, only_winner, race},
    sample::{at, tenant, unique},
};

use IssuerKeyState::{Active, Next, Retired, Retiring};

async fn new_tenant(bench: &dyn Bench) -> TenantId {
    let tenant = tenant(&format!("t{}", unique().simple()));
    bench.add_tenant(&tenant, true).await;
    tenant
}

async fn of(bench: &dyn Bench, tenant: &TenantId) -> Vec<IssuerKey> {
    bench.store().issuer_keys.issuer_keys(&Scope::from(tenant)).await.unwrap()
}

pub async fn issuer_keys_come_back_as_they_went_in(bench: &dyn Bench) {
    let (store, tenant) = (bench.store(), new_tenant(bench).await);
    let mut kept = Vec::new();
    let jwts = JwsAlgorithm::ALL.map(|algorithm| (KeyUse::Jwt, algorithm));
    for (second, (usage, algorithm)) in (1..).zip(jwts.into_iter().chain([(KeyUse::Biscuit, JwsAlgorithm::EdDsa)])) {
        for state in [Active, Next] {
            let mut key = IssuerKey { usage, algorithm, ..issuer_key(&tenant, state, second) };
            key.public.n = (algorithm == JwsAlgorithm::Rs256).then(|| "n".repeat(342));
            store.changes.commit(vec![add(&key)]).await.unwrap();
            let again = IssuerKey { usage, algorithm, ..issuer_key(&tenant, state, second) };
            assert_eq!(store.changes.commit(vec![add(&again)]).await, Err(CommitError::Conflict(Unique::IssuerKey)));
            assert_eq!(store.issuer_keys.issuer_key(&tenant, usage, algorithm, state).await, Ok(Some(key.clone())));
            assert_eq!(store.issuer_keys.issuer_key_of_id(&Scope::System, key.id).await, Ok(Some(key.clone())));
            kept.push(key);
        }
    }
    kept.sort_by_key(|key| (key.created_at, key.id));
    kept.reverse();
    assert_eq!(of(bench, &tenant).await, kept, "the newest first");
    for key in kept {
        let found = store.issuer_keys.issuer_key(&tenant, key.usage, key.algorithm, key.state).await;
        assert_eq!(found, Ok(Some(key)), "beside those of other uses and algorithms");
    }
    let nowhere = issuer_key(&crate::sample::tenant("nowhere"), Active, 1);
    assert_eq!(store.changes.commit(vec![add(&nowhere)]).await, Err(CommitError::Stale(Guard::Tenant)));
}

pub async fn one_issuer_key_is_made_under_64_parallel_tries(bench: &dyn Bench) {
    let (store, tenant) = (bench.store(), new_tenant(bench).await);
    for state in [Active, Next] {
        let keys: Vec<_> = (0..MANY).map(|_| issuer_key(&tenant, state, 1)).collect();
        let outcomes = race(&store, keys.iter().map(|key| vec![add(key)]).collect()).await;
        let winner = only_winner(&outcomes, &CommitError::Conflict(Unique::IssuerKey));
        let kept = store.issuer_keys.issuer_key(&tenant, KeyUse::Jwt, JwsAlgorithm::Es256, state).await;
        assert_eq!(kept, Ok(Some(keys[winner].clone())));
    }
}

pub async fn one_issuer_key_takes_over_under_64_parallel_tries(bench: &dyn Bench) {
    let (store, tenant) = (bench.store(), new_tenant(bench).await);
    let (active, next) = (issuer_key(&tenant, Active, 1), issuer_key(&tenant, Next, 2));
    store.changes.commit(vec![add(&active), add(&next)]).await.unwrap();
    let take_over = |_| vec![retire(&active, Active, Retiring, at(3)), activate(&next, at(3))];
    let outcomes = race(&store, (0..MANY).map(take_over).collect()).await;
    only_winner(&outcomes, &CommitError::Stale(Guard::IssuerKey));
    let taken = IssuerKey { state: Active, since: at(3), ..next };
    let left = IssuerKey { state: Retiring, since: at(3), private: None, ..active };
    assert_eq!(of(bench, &tenant).await, [taken, left]);
}

pub async fn an_issuer_key_moves_only_from_the_state_that_was_read(bench: &dyn Bench) {
    let (store, tenant) = (bench.store(), new_tenant(bench).await);
    let (active, next) = (issuer_key(&tenant, Active, 1), issuer_key(&tenant, Next, 2));
    store.changes.commit(vec![add(&active), add(&next)]).await.unwrap();
    let stale = Err(CommitError::Stale(Guard::IssuerKey));
    let refused: [(Change, Result<(), CommitError>); 4] = [
        (activate(&next, at(3)), Err(CommitError::Conflict(Unique::IssuerKey))),
        (activate(&active, at(3)), stale.clone()),
        (retire(&next, Active, Retiring, at(3)), stale.clone()),
        (retire(&active, Retiring, Retired, at(3)), stale.clone()),
    ];
    for (change, error) in refused {
        assert_eq!(store.changes.commit(vec![change]).await, error);
    }
    assert_eq!(of(bench, &tenant).await, [next.clone(), active.clone()], "nothing has changed");
    store.changes.commit(vec![retire(&active, Active, Retired, at(3))]).await.unwrap();
    assert_eq!(store.changes.commit(vec![retire(&active, Active, Retired, at(4))]).await, stale);
    store.changes.commit(vec![activate(&next, at(4))]).await.unwrap();
}

pub async fn issuer_keys_are_due_after_a_time_and_an_active_one_until_there_is_a_next(bench: &dyn Bench) {
    let (store, one, other) = (bench.store(), new_tenant(bench).await, new_tenant(bench).await);
    let (first, second) = (issuer_key(&one, Active, 5), issuer_key(&other, Active, 6));
    store.changes.commit(vec![add(&first), add(&second)]).await.unwrap();
    let due = async |state, until| -> Vec<_> {
        let keys = store.issuer_keys.due_issuer_keys(state, at(until)).await.unwrap();
        keys.into_iter().filter(|key| key.tenant == one || key.tenant == other).map(|key| key.id).collect()
    };
    assert_eq!(due(Active, 4).await, []);
    assert_eq!(due(Active, 5).await, [first.id]);
    assert_eq!(due(Active, 9).await, [first.id, second.id], "the longest first");
    assert_eq!(due(Next, 9).await, []);
    let (usage, algorithm) = (KeyUse::Biscuit, JwsAlgorithm::EdDsa);
    let other_use = IssuerKey { usage, algorithm: first.algorithm, ..issuer_key(&one, Next, 7) };
    let other_algorithm = IssuerKey { usage: first.usage, algorithm, ..issuer_key(&one, Next, 7) };
    store.changes.commit(vec![add(&other_use), add(&other_algorithm)]).await.unwrap();
    assert_eq!(due(Active, 9).await, [first.id, second.id], "those are next for other tokens");
    let retired = [&other_use, &other_algorithm].map(|key| retire(key, Next, Retired, at(8)));
    store.changes.commit(retired.into()).await.unwrap();
    let next = issuer_key(&one, Next, 7);
    store.changes.commit(vec![add(&next)]).await.unwrap();
    assert_eq!(due(Active, 9).await, [second.id]);
    assert_eq!((due(Next, 6).await, due(Next, 7).await), (vec![], vec![next.id]));
    store.changes.commit(vec![retire(&second, Active, Retiring, at(8))]).await.unwrap();
    assert_eq!((due(Retiring, 7).await, due(Retiring, 8).await), (vec![], vec![second.id]));
}
