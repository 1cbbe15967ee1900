//! Refresh tokens: each is spent once, and it is known how.

use kayan_ports::{Change, CommitError, Guard, Lookup, RefreshToken, Refreshing, SessionChange, Spent, TenantId};

use crate::{
    Bench,
    sample::{Account, at, client, identity, refresh_token, rotation, session},
    view::View,
};

const STALE: CommitError = CommitError::Stale(Guard::RefreshToken);

pub async fn a_spent_refresh_token_is_stale(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let (first, second) = (refresh_token(&anna.session), refresh_token(&anna.session));
    store.changes.commit(vec![rotation(&anna.refresh, &first)]).await.unwrap();
    let before = View::of(&store, &anna).await;
    assert_eq!(store.changes.commit(vec![rotation(&anna.refresh, &second)]).await, Err(STALE));
    assert_eq!(store.sessions.refreshing(anna.tenant(), &second.hash).await, Ok(Lookup::Absent));
    assert_eq!(View::of(&store, &anna).await, before);
}

pub async fn a_spent_refresh_token_tells_how_it_was_spent(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    store.changes.commit(vec![rotation(&anna.refresh, &refresh_token(&anna.session))]).await.unwrap();
    let spent = Some(Spent { at: at(60), salt: [7; 32], client: client("198.51.100.9") });
    let Lookup::Found(found) = store.sessions.refreshing(anna.tenant(), &anna.refresh.hash).await.unwrap() else {
        panic!("the spent token is gone");
    };
    assert_eq!(found.token, RefreshToken { spent, ..anna.refresh });
}

pub async fn a_successor_takes_over(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let (next, last) = (refresh_token(&anna.session), refresh_token(&anna.session));
    store.changes.commit(vec![rotation(&anna.refresh, &next)]).await.unwrap();
    let settings = kayan_ports::TenantSettings::default();
    let expected =
        Refreshing { settings, token: next.clone(), session: anna.session.clone(), identity: anna.identity.clone() };
    assert_eq!(store.sessions.refreshing(anna.tenant(), &next.hash).await, Ok(Lookup::Found(expected)));
    assert_eq!(store.changes.commit(vec![rotation(&next, &last)]).await, Ok(()));
}

pub async fn an_absent_refresh_token_is_stale(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let absent = refresh_token(&anna.session);
    assert_eq!(store.changes.commit(vec![rotation(&absent, &refresh_token(&anna.session))]).await, Err(STALE));
    assert_eq!(store.sessions.refreshing(anna.tenant(), &absent.hash).await, Ok(Lookup::Absent));
}

pub async fn an_absent_session_gets_no_refresh_token(bench: &dyn Bench) {
    let store = bench.store();
    let token = refresh_token(&session(&identity(&TenantId::default())));
    let outcome =
        store.changes.commit(vec![Change::Session(SessionChange::IssueRefresh(Box::new(token.clone())))]).await;
    assert_eq!(outcome, Err(CommitError::Stale(Guard::Session)));
    assert_eq!(store.sessions.refreshing(&token.tenant, &token.hash).await, Ok(Lookup::Absent));
}
