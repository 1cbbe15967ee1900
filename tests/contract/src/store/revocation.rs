//! Revoking one session, some, or all.

use kayan_ports::{Change, CommitError, Guard, IdentityId, Lookup, Scope, SessionFilter, SessionId, TenantId};

use crate::{
    Bench,
    sample::{Account, session, tenant, uuid},
    view::{View, session_is_active},
};

const STALE: CommitError = CommitError::Stale(Guard::Session);

fn revocation(of: &Account, by: IdentityId) -> Change {
    Change::RevokeSession { tenant: of.tenant().clone(), identity: by, session: of.session.id }
}

fn revoke_all(scope: Scope, identity: Option<IdentityId>, except: Option<SessionId>) -> Change {
    Change::RevokeSessions(SessionFilter { scope, identity, except })
}

pub async fn a_revoked_session_is_shown_as_inactive(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&*store, &TenantId::default(), "anna@example.org").await;
    store.commit(vec![revocation(&anna, anna.identity.id)]).await.unwrap();
    let seen = View::of(&*store, &anna).await;
    let Lookup::Found(presented) = seen.presented else { panic!("the session is gone") };
    let Lookup::Found(refreshing) = seen.refreshing else { panic!("the refresh token is gone") };
    assert!(!presented.session.active);
    assert!(!refreshing.session.active);
    assert_eq!(seen.sessions, vec![]);
}

pub async fn a_session_is_revoked_once(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&*store, &TenantId::default(), "anna@example.org").await;
    store.commit(vec![revocation(&anna, anna.identity.id)]).await.unwrap();
    assert_eq!(store.commit(vec![revocation(&anna, anna.identity.id)]).await, Err(STALE));
    let absent = Account { session: session(&anna.identity), ..anna };
    assert_eq!(store.commit(vec![revocation(&absent, absent.identity.id)]).await, Err(STALE));
}

pub async fn anothers_session_is_not_revoked(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&*store, &TenantId::default(), "anna@example.org").await;
    let bert = Account::register(&*store, &TenantId::default(), "bert@example.org").await;
    assert_eq!(store.commit(vec![revocation(&anna, bert.identity.id)]).await, Err(STALE));
    assert_eq!(View::of(&*store, &anna).await, View::expected(&anna));
}

pub async fn revoking_with_an_exception_keeps_that_session(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&*store, &TenantId::default(), "anna@example.org").await;
    let (kept, other) = (session(&anna.identity), session(&anna.identity));
    let open = |session| Change::OpenSession(Box::new(session));
    store.commit(vec![open(kept.clone()), open(other)]).await.unwrap();
    let scope = Scope::Tenant(anna.tenant().clone());
    store.commit(vec![revoke_all(scope, Some(anna.identity.id), Some(kept.id))]).await.unwrap();
    assert_eq!(View::of(&*store, &anna).await.sessions, vec![kept]);
    assert!(!session_is_active(&*store, &anna).await);
}

pub async fn revoking_an_identitys_sessions_leaves_the_others(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&*store, &TenantId::default(), "anna@example.org").await;
    let bert = Account::register(&*store, &TenantId::default(), "bert@example.org").await;
    let scope = Scope::Tenant(anna.tenant().clone());
    store.commit(vec![revoke_all(scope, Some(anna.identity.id), None)]).await.unwrap();
    assert!(!session_is_active(&*store, &anna).await);
    assert_eq!(View::of(&*store, &bert).await, View::expected(&bert));
}

pub async fn revoking_a_tenants_sessions_revokes_them_all(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&*store, &TenantId::default(), "anna@example.org").await;
    let bert = Account::register(&*store, &TenantId::default(), "bert@example.org").await;
    store.commit(vec![revoke_all(Scope::Tenant(TenantId::default()), None, None)]).await.unwrap();
    assert!(!session_is_active(&*store, &anna).await);
    assert!(!session_is_active(&*store, &bert).await);
}

pub async fn revoking_no_session_is_no_error(bench: &dyn Bench) {
    let store = bench.store();
    for scope in [Scope::System, Scope::Tenant(TenantId::default())] {
        assert_eq!(store.commit(vec![revoke_all(scope, None, None)]).await, Ok(()));
    }
}

pub async fn a_stretch_of_sessions_ends_and_nothing_behind_it(bench: &dyn Bench) {
    let (store, acme) = (bench.store(), tenant("acme"));
    bench.add_tenant(&acme, true).await;
    let mut ours = Vec::new();
    for number in 0..7 {
        ours.push(Account::register(&*store, &acme, &format!("p{number}@example.org")).await.session);
        Account::register(&*store, &TenantId::default(), &format!("p{number}@example.org")).await;
    }
    let scope = Scope::Tenant(acme);
    assert_eq!(store.open_stretch(&scope, None, 3).await, Ok(Some((ours[2].id, 3))));
    let revoke = |scope: &Scope, after: Option<SessionId>, until| {
        vec![Change::RevokeStretch { scope: scope.clone(), after, until }]
    };
    store.commit(revoke(&scope, None, ours[2].id)).await.unwrap();
    assert_eq!(store.open_stretch(&scope, None, 100).await, Ok(Some((ours[6].id, 4))));
    assert_eq!(store.open_stretch(&scope, Some(ours[3].id), 2).await, Ok(Some((ours[5].id, 2))));
    store.commit(revoke(&scope, Some(ours[3].id), ours[6].id)).await.unwrap();
    assert_eq!(store.open_stretch(&scope, None, 100).await, Ok(Some((ours[3].id, 1))));
    assert_eq!(store.open_stretch(&scope, Some(ours[3].id), 100).await, Ok(None));
    assert_eq!(store.open_stretch(&Scope::System, None, 100).await.unwrap().map(|(_, count)| count), Some(1 + 7));
    store.commit(revoke(&Scope::System, None, SessionId(uuid()))).await.unwrap();
    assert_eq!(store.open_stretch(&Scope::System, None, 100).await, Ok(None));
}
