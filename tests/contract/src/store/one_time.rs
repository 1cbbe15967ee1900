//! One-time tokens: good once, for one purpose, until their end.

use kayan_ports::{
    AccountChange, Change, CommitError, Guard, OneTimeChange, OneTimePurpose, OneTimeToken, Scope, SessionChange,
    State, TenantId,
};

use crate::{
    Bench,
    race::{MANY, only_winner, race},
    sample::{Account, at, ceremony, identity, one_time, tenant},
};

const STALE: CommitError = CommitError::Stale(Guard::OneTime);

fn issue(token: &OneTimeToken) -> Change {
    Change::OneTime(OneTimeChange::Issue(Box::new(token.clone())))
}

fn replace(token: &OneTimeToken) -> Change {
    Change::OneTime(OneTimeChange::Replace(Box::new(token.clone())))
}

fn attempt(token: &OneTimeToken, second: i64) -> Change {
    let (tenant, hash) = (token.tenant.clone(), token.hash);
    Change::OneTime(OneTimeChange::Try { tenant, purpose: token.purpose, hash, at: at(second) })
}

fn using(token: &OneTimeToken, second: i64) -> Change {
    let (tenant, hash) = (token.tenant.clone(), token.hash);
    Change::OneTime(OneTimeChange::Use { tenant, purpose: token.purpose, hash, at: at(second) })
}

fn void(token: &OneTimeToken) -> Change {
    let scope = Scope::Tenant(token.tenant.clone());
    let identity = token.identity.expect("a token of an identity");
    Change::Session(SessionChange::RevokeOf { scope, identity, except: None })
}

fn void_purpose(token: &OneTimeToken, since: i64) -> Change {
    let (tenant, purpose) = (token.tenant.clone(), token.purpose);
    let identity = token.identity.expect("a token of an identity");
    Change::OneTime(OneTimeChange::Void { tenant, identity, purpose, since: at(since) })
}

async fn issued(bench: &dyn Bench) -> OneTimeToken {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let token = one_time(&anna.identity);
    store.changes.commit(vec![issue(&token)]).await.unwrap();
    token
}

pub async fn a_one_time_token_comes_back_as_it_went_in_until_its_end(bench: &dyn Bench) {
    let (store, token) = (bench.store(), issued(bench).await);
    let read = |second| store.one_time.one_time(&token.tenant, OneTimePurpose::Mfa, &token.hash, at(second));
    assert_eq!(read(299).await, Ok(Some(token.clone())));
    assert_eq!(read(300).await, Ok(None), "it ends exactly then (I-02)");
    assert_eq!(store.changes.commit(vec![attempt(&token, 300)]).await, Err(STALE));
    assert_eq!(store.changes.commit(vec![using(&token, 300)]).await, Err(STALE));
}

pub async fn i_01_a_one_time_token_is_used_once_under_64_parallel_tries(bench: &dyn Bench) {
    let (store, token) = (bench.store(), issued(bench).await);
    let outcomes = race(&store, vec![vec![using(&token, 1)]; MANY]).await;
    only_winner(&outcomes, &STALE);
    assert_eq!(store.one_time.one_time(&token.tenant, token.purpose, &token.hash, at(1)).await, Ok(None));
}

pub async fn a_one_time_token_hears_so_many_tries_of_64_parallel_ones(bench: &dyn Bench) {
    let (store, token) = (bench.store(), issued(bench).await);
    let outcomes = race(&store, vec![vec![attempt(&token, 1)]; MANY]).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 5, "{outcomes:?}");
    assert!(outcomes.iter().all(|outcome| outcome.is_ok() || *outcome == Err(STALE)), "{outcomes:?}");
    let left = store.one_time.one_time(&token.tenant, token.purpose, &token.hash, at(1)).await.unwrap().unwrap();
    assert_eq!(left, OneTimeToken { tries: 0, ..token });
}

pub async fn nobody_who_is_absent_or_locked_gets_a_one_time_token(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let lock = Change::Account(AccountChange::SetState {
        scope: Scope::System,
        identity: anna.identity.id,
        expected: None,
        state: State::Locked,
        until: None,
        at: at(5),
    });
    store.changes.commit(vec![lock]).await.unwrap();
    for owner in [&anna.identity, &identity(&TenantId::default())] {
        let outcome = store.changes.commit(vec![issue(&one_time(owner))]).await;
        assert_eq!(outcome, Err(CommitError::Stale(Guard::Identity)));
    }
}

pub async fn revoking_an_identitys_sessions_voids_its_one_time_tokens_and_no_others(bench: &dyn Bench) {
    let (store, token) = (bench.store(), issued(bench).await);
    let berta = Account::register(&store, &TenantId::default(), "berta@example.org").await;
    let hers = one_time(&berta.identity);
    store.changes.commit(vec![void(&token), void(&token), issue(&hers)]).await.unwrap();
    assert_eq!(store.changes.commit(vec![using(&token, 1)]).await, Err(STALE));
    store.changes.commit(vec![using(&hers, 1)]).await.unwrap();
}

pub async fn i_29_another_tenants_one_time_token_is_absent(bench: &dyn Bench) {
    let (store, token, other) = (bench.store(), issued(bench).await, tenant("other"));
    bench.add_tenant(&other, true).await;
    let foreign = OneTimeToken { tenant: other.clone(), ..token.clone() };
    assert_eq!(store.one_time.one_time(&other, token.purpose, &token.hash, at(1)).await, Ok(None));
    for change in [attempt(&foreign, 1), using(&foreign, 1)] {
        assert_eq!(store.changes.commit(vec![change]).await, Err(STALE));
    }
    let elsewhere = OneTimeToken { hash: crate::sample::token(), ..foreign.clone() };
    let outcome = store.changes.commit(vec![issue(&elsewhere)]).await;
    assert_eq!(outcome, Err(CommitError::Stale(Guard::Identity)));
    store.changes.commit(vec![void(&foreign)]).await.unwrap();
    store.changes.commit(vec![using(&token, 1)]).await.unwrap();
}

pub async fn a_one_time_token_without_an_identity_is_good_until_its_end_and_for_its_purpose(bench: &dyn Bench) {
    let (store, token) = (bench.store(), ceremony(&TenantId::default()));
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    store.changes.commit(vec![issue(&token)]).await.unwrap();
    store.changes.commit(vec![void(&one_time(&anna.identity))]).await.unwrap();
    let read = |purpose, second| store.one_time.one_time(&token.tenant, purpose, &token.hash, at(second));
    assert_eq!(read(OneTimePurpose::Webauthn, 299).await, Ok(Some(token.clone())));
    assert_eq!(read(OneTimePurpose::Webauthn, 300).await, Ok(None), "it ends exactly then (I-02)");
    assert_eq!(read(OneTimePurpose::Mfa, 299).await, Ok(None));
    let other = OneTimeToken { purpose: OneTimePurpose::Mfa, ..token.clone() };
    for refused in [using(&token, 300), attempt(&token, 300), using(&other, 299), attempt(&other, 299)] {
        assert_eq!(store.changes.commit(vec![refused.clone()]).await, Err(STALE), "{refused:?}");
    }
    store.changes.commit(vec![using(&token, 299)]).await.unwrap();
}

pub async fn i_01_a_one_time_token_without_an_identity_is_used_once_under_64_parallel_tries(bench: &dyn Bench) {
    let (store, token) = (bench.store(), ceremony(&TenantId::default()));
    store.changes.commit(vec![issue(&token)]).await.unwrap();
    let outcomes = race(&store, vec![vec![using(&token, 1)]; MANY]).await;
    only_winner(&outcomes, &STALE);
    assert_eq!(store.one_time.one_time(&token.tenant, token.purpose, &token.hash, at(1)).await, Ok(None));
}

pub async fn a_one_time_token_without_an_identity_is_its_tenants_while_that_is_open(bench: &dyn Bench) {
    let (store, other, closed) = (bench.store(), tenant("other"), tenant("closed"));
    bench.add_tenant(&other, true).await;
    bench.add_tenant(&closed, false).await;
    for refused in [ceremony(&closed), ceremony(&tenant("nowhere"))] {
        assert_eq!(store.changes.commit(vec![issue(&refused)]).await, Err(CommitError::Stale(Guard::Tenant)));
    }
    let token = ceremony(&TenantId::default());
    store.changes.commit(vec![issue(&token)]).await.unwrap();
    let foreign = OneTimeToken { tenant: other.clone(), ..token.clone() };
    assert_eq!(store.one_time.one_time(&other, token.purpose, &token.hash, at(1)).await, Ok(None));
    for change in [attempt(&foreign, 1), using(&foreign, 1)] {
        assert_eq!(store.changes.commit(vec![change]).await, Err(STALE));
    }
    store.changes.commit(vec![using(&token, 1)]).await.unwrap();
}

pub async fn a_one_time_token_takes_the_place_of_the_one_with_its_hash(bench: &dyn Bench) {
    let (store, token) = (bench.store(), issued(bench).await);
    let berta = Account::register(&store, &TenantId::default(), "berta@example.org").await;
    let read = |token: &OneTimeToken| {
        let (tenant, purpose, hash) = (token.tenant.clone(), token.purpose, token.hash);
        let store = store.clone();
        async move { store.one_time.one_time(&tenant, purpose, &hash, at(301)).await.unwrap() }
    };
    let mut next = one_time(&berta.identity);
    (next.hash, next.purpose, next.data) = (token.hash, OneTimePurpose::LoginCode, "next".to_owned());
    (next.tries, next.created_at, next.expires_at) = (3, at(100), at(400));
    let nobodys = OneTimeToken { identity: None, data: "nobody's".to_owned(), ..next.clone() };
    for replacement in [&next, &nobodys, &next] {
        store.changes.commit(vec![attempt(&token, 1)]).await.ok();
        store.changes.commit(vec![replace(replacement)]).await.unwrap();
        assert_eq!(read(replacement).await.as_ref(), Some(replacement));
    }
    assert_eq!(store.changes.commit(vec![using(&token, 1)]).await, Err(STALE), "it is of the other purpose now");

    let first = one_time(&berta.identity);
    let first = OneTimeToken { expires_at: at(400), ..first };
    store.changes.commit(vec![replace(&first)]).await.unwrap();
    assert_eq!(read(&first).await, Some(first), "there was none");
    let absent = identity(&TenantId::default()).id;
    for refused in [OneTimeToken { identity: Some(absent), ..next.clone() }, one_time(&identity(&tenant("nowhere")))] {
        let outcome = store.changes.commit(vec![replace(&refused)]).await;
        assert_eq!(outcome, Err(CommitError::Stale(Guard::Identity)));
    }
    let closed = OneTimeToken { tenant: tenant("nowhere"), ..nobodys };
    assert_eq!(store.changes.commit(vec![replace(&closed)]).await, Err(CommitError::Stale(Guard::Tenant)));
    assert_eq!(read(&next).await, Some(next));
}

pub async fn one_token_of_a_hash_is_kept_under_64_parallel_replacements(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    for first in [one_time(&anna.identity), ceremony(&TenantId::default())] {
        let tokens: Vec<_> =
            (0..MANY).map(|number| OneTimeToken { data: format!("{number}"), ..first.clone() }).collect();
        let outcomes = race(&store, tokens.iter().map(|token| vec![replace(token)]).collect()).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        let kept = store.one_time.one_time(&first.tenant, first.purpose, &first.hash, at(1)).await.unwrap().unwrap();
        assert!(tokens.contains(&kept), "{kept:?}");
        store.changes.commit(vec![using(&kept, 1)]).await.unwrap();
        assert_eq!(store.changes.commit(vec![using(&kept, 1)]).await, Err(STALE));
    }
}

pub async fn tokens_of_one_purpose_are_voided_from_a_time_on_and_no_others(bench: &dyn Bench) {
    let (store, first) = (bench.store(), issued(bench).await);
    let berta = Account::register(&store, &TenantId::default(), "berta@example.org").await;
    let fresh = || OneTimeToken { hash: crate::sample::token(), ..first.clone() };
    let (second, third) =
        (OneTimeToken { created_at: at(5), ..fresh() }, OneTimeToken { created_at: at(9), ..fresh() });
    let other = OneTimeToken { purpose: OneTimePurpose::Recovery, created_at: at(9), ..fresh() };
    let hers = OneTimeToken { created_at: at(9), ..one_time(&berta.identity) };
    store.changes.commit([&second, &third, &other, &hers].map(issue).into()).await.unwrap();
    let foreign = OneTimeToken { tenant: tenant("other"), ..first.clone() };
    store.changes.commit(vec![void_purpose(&foreign, 0), void_purpose(&first, 5)]).await.unwrap();
    for gone in [&second, &third] {
        assert_eq!(store.changes.commit(vec![using(gone, 10)]).await, Err(STALE), "{gone:?}");
    }
    for left in [&first, &other, &hers] {
        store.changes.commit(vec![using(left, 10)]).await.unwrap();
    }
}

pub async fn of_64_parallel_lists_that_void_and_issue_one_token_is_left(bench: &dyn Bench) {
    let (store, first) = (bench.store(), issued(bench).await);
    let tokens: Vec<_> = (0..MANY).map(|_| OneTimeToken { hash: crate::sample::token(), ..first.clone() }).collect();
    let lists = tokens.iter().map(|token| vec![void_purpose(token, 0), issue(token)]).collect();
    let outcomes = race(&store, lists).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let mut left = 0;
    for token in tokens.iter().chain([&first]) {
        left += usize::from(store.changes.commit(vec![using(token, 1)]).await.is_ok());
    }
    assert_eq!(left, 1);
}

pub async fn i_14_the_link_that_puts_an_old_address_back_outlives_the_sessions(bench: &dyn Bench) {
    let (store, token) = (bench.store(), issued(bench).await);
    let purpose = OneTimePurpose::EmailRevert;
    let revert = OneTimeToken { hash: crate::sample::token(), purpose, ..token.clone() };
    store.changes.commit(vec![issue(&revert)]).await.unwrap();
    store.changes.commit(vec![void(&token)]).await.unwrap();
    assert_eq!(store.changes.commit(vec![using(&token, 1)]).await, Err(STALE));
    store.changes.commit(vec![using(&revert, 1)]).await.unwrap();
}
