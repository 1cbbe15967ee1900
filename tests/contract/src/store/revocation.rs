//! Revoking one session, some, or all.

use kayan_ports::{
    Change, CommitError, Guard, IdentityId, Lookup, Page, Scope, Session, SessionChange, SessionId, SessionQuery,
    Stores, TenantId,
};

use crate::{
    Bench,
    sample::{Account, at, client, session, tenant, token},
    view::{View, session_is_active},
};

const STALE: CommitError = CommitError::Stale(Guard::Session);

fn revocation(of: &Account, by: IdentityId) -> Change {
    Change::Session(SessionChange::Revoke { tenant: of.tenant().clone(), identity: by, session: of.session.id })
}

fn revoke_of(scope: Scope, identity: IdentityId, except: Option<SessionId>) -> Change {
    Change::Session(SessionChange::RevokeOf { scope, identity, except })
}

pub async fn a_revoked_session_is_shown_as_inactive(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    store.changes.commit(vec![revocation(&anna, anna.identity.id)]).await.unwrap();
    let seen = View::of(&store, &anna).await;
    let Lookup::Found(presented) = seen.authenticated_session else { panic!("the session is gone") };
    let Lookup::Found(refreshing) = seen.refreshing else { panic!("the refresh token is gone") };
    assert!(!presented.session.active);
    assert!(!refreshing.session.active);
    assert_eq!(seen.sessions, vec![]);
}

pub async fn a_session_is_revoked_once(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    store.changes.commit(vec![revocation(&anna, anna.identity.id)]).await.unwrap();
    assert_eq!(store.changes.commit(vec![revocation(&anna, anna.identity.id)]).await, Err(STALE));
    let absent = Account { session: session(&anna.identity), ..anna };
    assert_eq!(store.changes.commit(vec![revocation(&absent, absent.identity.id)]).await, Err(STALE));
}

pub async fn anothers_session_is_not_revoked(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let bert = Account::register(&store, &TenantId::default(), "bert@example.org").await;
    assert_eq!(store.changes.commit(vec![revocation(&anna, bert.identity.id)]).await, Err(STALE));
    assert_eq!(View::of(&store, &anna).await, View::expected(&anna));
}

pub async fn revoking_with_an_exception_keeps_that_session(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let (kept, other) = (session(&anna.identity), session(&anna.identity));
    let open = |session| Change::Session(SessionChange::Open(Box::new(session)));
    store.changes.commit(vec![open(kept.clone()), open(other)]).await.unwrap();
    let scope = Scope::Tenant(anna.tenant().clone());
    store.changes.commit(vec![revoke_of(scope, anna.identity.id, Some(kept.id))]).await.unwrap();
    assert_eq!(View::of(&store, &anna).await.sessions, vec![kept]);
    assert!(!session_is_active(&store, &anna).await);
}

pub async fn revoking_an_identitys_sessions_leaves_the_others(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let bert = Account::register(&store, &TenantId::default(), "bert@example.org").await;
    let scope = Scope::Tenant(anna.tenant().clone());
    store.changes.commit(vec![revoke_of(scope, anna.identity.id, None)]).await.unwrap();
    assert!(!session_is_active(&store, &anna).await);
    assert_eq!(View::of(&store, &bert).await, View::expected(&bert));
}

/// Neither token nor list knows an open session of the account any more, and nothing brings it back.
async fn is_over(store: &Stores, of: &Account) {
    let seen = View::of(store, of).await;
    let Lookup::Found(presented) = seen.authenticated_session else { panic!("the session is gone") };
    let Lookup::Found(refreshing) = seen.refreshing else { panic!("the refresh token is gone") };
    assert!(!presented.session.active && !refreshing.session.active);
    assert_eq!(seen.sessions, vec![]);
    let scope = Scope::Tenant(of.tenant().clone());
    assert!(!store.sessions.session(&scope, of.session.id).await.unwrap().unwrap().active);
    let query = SessionQuery { scope: scope.clone(), identity: Some(of.identity.id), at: at(0), limit: 100, offset: 0 };
    assert_eq!(store.sessions.active_sessions(&query).await.unwrap(), Page { rows: vec![], damaged: vec![], total: 0 });
    assert_eq!(store.sessions.count_active_sessions(&scope, Some(of.identity.id)).await, Ok(0));
    assert_eq!(store.changes.commit(vec![revocation(of, of.identity.id)]).await, Err(STALE));
    let (tenant, session) = (of.tenant().clone(), of.session.id);
    let renew =
        Change::Session(SessionChange::Renew { tenant, session, token: token(), expires_at: at(9_000), at: at(9) });
    assert_eq!(store.changes.commit(vec![renew]).await, Err(STALE));
}

pub async fn revoking_a_tenants_sessions_ends_them_all_and_no_others(bench: &dyn Bench) {
    let (store, acme) = (bench.store(), tenant("acme"));
    bench.add_tenant(&acme, true).await;
    let anna = Account::register(&store, &acme, "anna@example.org").await;
    let bert = Account::register(&store, &acme, "bert@example.org").await;
    let other = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    assert_eq!(store.sessions.count_active_sessions(&Scope::from(&acme), None).await, Ok(2));
    store
        .changes
        .commit(vec![Change::Session(SessionChange::RevokeAll { scope: Scope::from(&acme), epoch: 1 })])
        .await
        .unwrap();
    is_over(&store, &anna).await;
    is_over(&store, &bert).await;
    assert_eq!(store.sessions.count_active_sessions(&Scope::from(&acme), None).await, Ok(0));
    assert_eq!(View::of(&store, &other).await, View::expected(&other));
}

/// The tenant's epoch, as a login reads it.
async fn epoch(store: &Stores, of: &Account) -> i64 {
    let found = store.credentials.login_candidate(of.tenant(), &of.name, &client("192.0.2.7"), None).await;
    let found = found.unwrap().unwrap();
    assert_eq!(store.tenants.tenant(of.tenant()).await.unwrap().unwrap().epoch, found.epoch);
    found.epoch
}

pub async fn who_comes_after_all_sessions_were_revoked_stays_and_who_began_before_does_not(bench: &dyn Bench) {
    let (store, acme) = (bench.store(), tenant("acme"));
    bench.add_tenant(&acme, true).await;
    let anna = Account::register(&store, &acme, "anna@example.org").await;
    assert_eq!(epoch(&store, &anna).await, 0);
    for (scope, number) in [(Scope::from(&acme), i64::MAX), (Scope::System, 7)] {
        let before = epoch(&store, &anna).await;
        store.changes.commit(vec![Change::Session(SessionChange::RevokeAll { scope, epoch: number })]).await.unwrap();
        is_over(&store, &anna).await;
        let late = Session { epoch: before, ..session(&anna.identity) };
        store.changes.commit(vec![Change::Session(SessionChange::Open(Box::new(late.clone())))]).await.unwrap();
        let found = store.access_tokens.authenticated_session(&acme, &late.token).await.unwrap();
        assert!(matches!(found, Lookup::Found(found) if !found.session.active), "it began before");
        assert_eq!(epoch(&store, &anna).await, number);
        let later = Session { epoch: number, ..session(&anna.identity) };
        store.changes.commit(vec![Change::Session(SessionChange::Open(Box::new(later.clone())))]).await.unwrap();
        let found = store.access_tokens.authenticated_session(&acme, &later.token).await.unwrap();
        assert!(matches!(found, Lookup::Found(found) if found.session == later));
        assert_eq!(store.sessions.count_active_sessions(&Scope::from(&acme), None).await, Ok(1));
    }
}

pub async fn revoking_no_session_is_no_error(bench: &dyn Bench) {
    let store = bench.store();
    for scope in [Scope::System, Scope::Tenant(TenantId::default())] {
        assert_eq!(
            store.changes.commit(vec![Change::Session(SessionChange::RevokeAll { scope, epoch: 1 })]).await,
            Ok(())
        );
    }
}
