//! Sessions: how they open, live and are shown.

use kayan_ports::{
    Aal, AccountChange, Change, Client, CommitError, Guard, Lookup, Method, MethodUse, RefreshToken, Scope, Session,
    SessionChange, SessionQuery, State, TenantId, TokenHash,
};
use time::Duration;

use crate::{
    Bench,
    race::{MANY, only_winner, race},
    sample::{Account, at, identity, refresh_token, rotation, session, tenant, token, unique},
    view::{self, View},
};

fn open(session: &Session) -> Change {
    Change::Session(SessionChange::Open(Box::new(session.clone())))
}

fn renewal(session: &Session, token: TokenHash) -> Change {
    Change::Session(SessionChange::Renew {
        tenant: session.tenant.clone(),
        session: session.id,
        token,
        expires_at: at(9_000),
        at: at(900),
    })
}

pub async fn a_session_comes_back_as_it_went_in(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let mut bare = Session { aal: Aal::Aal3, methods: vec![], ..session(&anna.identity) };
    bare.client = kayan_ports::Client::default();
    let methods = [anna.session.methods.clone(), anna.session.methods.clone()].concat();
    let twofold = Session { aal: Aal::Aal2, methods, ..session(&anna.identity) };
    for session in [bare, twofold] {
        store.changes.commit(vec![open(&session)]).await.unwrap();
        assert_eq!(view::authenticated_session(&store, &anna, &session.token).await.session, session);
    }
}

pub async fn a_login_is_noted_on_its_identity_and_is_no_change_of_it(bench: &dyn Bench) {
    let store = bench.store();
    let mut anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let later = Session { issued_at: at(500), ..session(&anna.identity) };
    store.changes.commit(vec![open(&later)]).await.unwrap();
    anna.identity.last_login_at = Some(at(500));
    assert_eq!(view::identity(&store, &anna).await, anna.identity);
}

pub async fn an_identity_locked_meanwhile_opens_no_session(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    for state in [State::Inactive, State::Locked, State::Pending] {
        let scope = Scope::Tenant(anna.tenant().clone());
        let change = Change::Account(AccountChange::SetState {
            scope,
            identity: anna.identity.id,
            expected: None,
            state,
            until: None,
            at: at(300),
        });
        store.changes.commit(vec![change]).await.unwrap();
        let session = session(&anna.identity);
        assert_eq!(
            store.changes.commit(vec![open(&session)]).await,
            Err(CommitError::Stale(Guard::Identity)),
            "{state:?}"
        );
        assert_eq!(
            store.access_tokens.authenticated_session(anna.tenant(), &session.token).await,
            Ok(Lookup::Absent),
            "{state:?}"
        );
    }
}

pub async fn an_absent_identity_opens_no_session(bench: &dyn Bench) {
    let session = session(&identity(&TenantId::default()));
    let outcome = bench.store().changes.commit(vec![open(&session)]).await;
    assert_eq!(outcome, Err(CommitError::Stale(Guard::Identity)));
}

pub async fn a_session_is_shown_with_its_owner_in_whatever_state(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let lock = Change::Account(AccountChange::SetState {
        scope: Scope::System,
        identity: anna.identity.id,
        expected: None,
        state: State::Locked,
        until: None,
        at: at(300),
    });
    store.changes.commit(vec![lock]).await.unwrap();
    let seen = View::of(&store, &anna).await;
    let Lookup::Found(presented) = seen.authenticated_session else { panic!("the session is gone") };
    let Lookup::Found(refreshing) = seen.refreshing else { panic!("the refresh token is gone") };
    assert_eq!((presented.identity.state, refreshing.identity.state), (State::Locked, State::Locked));
}

pub async fn a_renewed_session_answers_to_its_new_token_alone(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let new = token();
    store.changes.commit(vec![renewal(&anna.session, new)]).await.unwrap();
    assert_eq!(store.access_tokens.authenticated_session(anna.tenant(), &anna.session.token).await, Ok(Lookup::Absent));
    let found = view::authenticated_session(&store, &anna, &new).await;
    let expected = Session { token: new, expires_at: at(9_000), last_seen_at: at(900), ..anna.session.clone() };
    assert_eq!(found.session, expected);
    assert_eq!(found.identity, anna.identity);
}

fn stepped_up(session: &Session) -> Session {
    let second = MethodUse::new(Method::Totp, at(890));
    let methods = session.methods.iter().cloned().chain([second]).collect();
    let (token, expires_at, last_seen_at) = (token(), at(9_000), at(900));
    Session { token, aal: Aal::Aal2, methods, expires_at, last_seen_at, ..session.clone() }
}

fn step_up(presented: TokenHash, session: &Session) -> Change {
    Change::Session(SessionChange::StepUp { presented, session: Box::new(session.clone()) })
}

pub async fn a_session_that_steps_up_answers_to_its_new_tokens_alone(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let (stepped, refresh) = (stepped_up(&anna.session), refresh_token(&anna.session));
    let issue = Change::Session(SessionChange::IssueRefresh(Box::new(refresh.clone())));
    store.changes.commit(vec![step_up(anna.session.token, &stepped), issue]).await.unwrap();
    assert_eq!(store.access_tokens.authenticated_session(anna.tenant(), &anna.session.token).await, Ok(Lookup::Absent));
    assert_eq!(view::authenticated_session(&store, &anna, &stepped.token).await.session, stepped);
    assert_eq!(store.sessions.refreshing(anna.tenant(), &anna.refresh.hash).await, Ok(Lookup::Absent));
    assert!(matches!(store.sessions.refreshing(anna.tenant(), &refresh.hash).await, Ok(Lookup::Found(_))));
}

pub async fn a_session_steps_up_once_and_only_by_its_present_token(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let lists = (0..MANY).map(|_| vec![step_up(anna.session.token, &stepped_up(&anna.session))]).collect();
    let stale = CommitError::Stale(Guard::Session);
    only_winner(&race(&store, lists).await, &stale);
    let revoked = session(&anna.identity);
    store.changes.commit(vec![open(&Session { active: false, ..revoked.clone() })]).await.unwrap();
    let foreign = Session { tenant: tenant("other"), ..anna.session.clone() };
    for session in [&revoked, &foreign] {
        let change = step_up(session.token, &stepped_up(session));
        assert_eq!(store.changes.commit(vec![change]).await, Err(stale.clone()));
    }
}

pub async fn a_session_is_pinned_by_its_present_token_while_it_is_active(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let (before, stale) = (View::of(&store, &anna).await, CommitError::Stale(Guard::Session));
    let pin = |tenant: &TenantId, token| {
        Change::Session(SessionChange::Pin { tenant: tenant.clone(), session: anna.session.id, token })
    };
    store.changes.commit(vec![pin(anna.tenant(), anna.session.token)]).await.unwrap();
    for (of, presented) in [(anna.tenant(), token()), (&tenant("other"), anna.session.token)] {
        assert_eq!(store.changes.commit(vec![pin(of, presented)]).await, Err(stale.clone()));
    }
    assert_eq!(View::of(&store, &anna).await, before);
    let scope = Scope::Tenant(anna.tenant().clone());
    let end = SessionChange::RevokeOf { scope, identity: anna.identity.id, except: None };
    store.changes.commit(vec![Change::Session(end)]).await.unwrap();
    assert_eq!(store.changes.commit(vec![pin(anna.tenant(), anna.session.token)]).await, Err(stale));
}

pub async fn a_revoked_session_is_not_renewed(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let revocation = Change::Session(SessionChange::Revoke {
        tenant: anna.tenant().clone(),
        identity: anna.identity.id,
        session: anna.session.id,
    });
    store.changes.commit(vec![revocation]).await.unwrap();
    let absent = session(&anna.identity);
    for session in [&anna.session, &absent] {
        let new = token();
        assert_eq!(store.changes.commit(vec![renewal(session, new)]).await, Err(CommitError::Stale(Guard::Session)));
        assert_eq!(store.access_tokens.authenticated_session(anna.tenant(), &new).await, Ok(Lookup::Absent));
    }
    assert!(!view::session_is_active(&store, &anna).await);
}

pub async fn a_session_in_use_is_noted_and_never_moved_back(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let see = |session: &Session, seconds| {
        Change::Session(SessionChange::Touch { tenant: session.tenant.clone(), session: session.id, at: at(seconds) })
    };
    store.changes.commit(vec![see(&anna.session, 700)]).await.unwrap();
    store.changes.commit(vec![see(&anna.session, 650)]).await.unwrap();
    let expected = Session { last_seen_at: at(700), ..anna.session.clone() };
    assert_eq!(view::authenticated_session(&store, &anna, &anna.session.token).await.session, expected);
    let absent = session(&anna.identity);
    assert_eq!(store.changes.commit(vec![see(&absent, 700)]).await, Ok(()), "noting has no guard");
}

pub async fn only_live_sessions_are_listed_and_the_newest_first(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let bert = Account::register(&store, &TenantId::default(), "bert@example.org").await;
    let end = at(3_000);
    let after = end + Duration::MICROSECOND;
    let make = |issued: i64, expires_at| Session { issued_at: at(issued), expires_at, ..session(&anna.identity) };
    let (old, new) = (make(10, after), make(30, at(4_000)));
    let (expired, revoked, refreshable, spent) = (make(20, end), make(40, at(4_000)), make(50, end), make(60, end));
    let over = Session { ends_at: end, ..make(70, after) };
    let last = |session| RefreshToken { expires_at: after, ..refresh_token(session) };
    let (of_spent, successor) = (last(&spent), RefreshToken { expires_at: end, ..refresh_token(&spent) });
    let revocation = Change::Session(SessionChange::Revoke {
        tenant: anna.tenant().clone(),
        identity: anna.identity.id,
        session: revoked.id,
    });
    let mut changes: Vec<_> =
        [&new, &old, &expired, &revoked, &refreshable, &spent, &over].into_iter().map(open).collect();
    changes.push(revocation);
    changes.push(Change::Session(SessionChange::IssueRefresh(Box::new(last(&refreshable)))));
    changes.push(Change::Session(SessionChange::IssueRefresh(Box::new(of_spent.clone()))));
    changes.push(rotation(&of_spent, &successor));
    store.changes.commit(changes).await.unwrap();
    let listed = store.sessions.sessions(anna.tenant(), anna.identity.id, end).await.unwrap();
    assert_eq!(listed, vec![refreshable, new, old, anna.session.clone()]);
    assert_eq!(store.sessions.sessions(bert.tenant(), bert.identity.id, end).await, Ok(vec![bert.session]));
}

pub async fn a_network_is_known_to_an_identity_once_it_opened_a_session_from_there(bench: &dyn Bench) {
    let (store, tenant) = (bench.store(), TenantId::default());
    let anna = Account::register(&store, &tenant, "anna@example.org").await;
    let bert = Account::register(&store, &tenant, "bert@example.org").await;
    let knows = async |account: &Account, ip: &str| {
        let client = Client { ip: Some(ip.to_owned()), user_agent: None };
        match view::login_candidate(&store, &tenant, &account.name, &client).await {
            Ok(Lookup::Found(found)) => found.known_network,
            other => panic!("{other:?}"),
        }
    };
    assert!(!knows(&anna, "2001:db8::1").await);
    for _ in 0..2 {
        let client = Client { ip: Some("2001:db8::1".to_owned()), user_agent: None };
        let opened = Session { client, ..session(&anna.identity) };
        store.changes.commit(vec![Change::Session(SessionChange::Open(Box::new(opened)))]).await.unwrap();
    }
    assert!(knows(&anna, "2001:db8::1").await);
    assert!(knows(&anna, "2001:db8::2").await, "an address of the same /64");
    assert!(!knows(&anna, "2001:db8:0:1::1").await);
    assert!(!knows(&bert, "2001:db8::1").await);
}

pub async fn i_29_an_operator_lists_and_counts_the_active_sessions_of_its_scope(bench: &dyn Bench) {
    let (store, acme) = (bench.store(), fresh_tenant(bench).await);
    let anna = Account::register(&store, &acme, "anna@example.org").await;
    let bert = Account::register(&store, &acme, "bert@example.org").await;
    let over = Session { ends_at: at(50), ..session(&anna.identity) };
    let revoked = Session { active: false, ..session(&anna.identity) };
    let open = [over, revoked].map(|session| Change::Session(SessionChange::Open(Box::new(session))));
    store.changes.commit(open.into()).await.unwrap();
    let query = |scope: &Scope, identity, limit, offset| SessionQuery {
        scope: scope.clone(),
        identity,
        at: at(60),
        limit,
        offset,
    };
    let (own, other) = (Scope::from(&acme), Scope::from(&TenantId::default()));
    let page = store.sessions.active_sessions(&query(&own, None, 100, 0)).await.unwrap();
    assert_eq!((page.rows, page.total), (vec![bert.session.clone(), anna.session.clone()], 2), "newest first");
    let second = store.sessions.active_sessions(&query(&own, None, 1, 1)).await.unwrap();
    assert_eq!((second.rows, second.total), (vec![anna.session.clone()], 2));
    for (scope, seen) in
        [(&own, vec![anna.session.clone()]), (&Scope::System, vec![anna.session.clone()]), (&other, vec![])]
    {
        let page = store.sessions.active_sessions(&query(scope, Some(anna.identity.id), 100, 0)).await.unwrap();
        assert_eq!(page.rows, seen, "{scope:?}");
        // The one that is over was never revoked.
        let count = u64::from(!seen.is_empty()) * 2;
        assert_eq!(store.sessions.count_active_sessions(scope, Some(anna.identity.id)).await, Ok(count), "{scope:?}");
    }
    assert_eq!(store.sessions.count_active_sessions(&own, None).await, Ok(3));
    let in_own = |counts: Vec<(TenantId, u64)>| {
        counts.into_iter().find(|(tenant, _)| Scope::from(tenant) == own).map(|(_, count)| count)
    };
    let last = anna.session.ends_at.max(bert.session.ends_at);
    assert_eq!(in_own(store.sessions.active_sessions_by_tenant(at(0)).await.unwrap()), Some(3));
    assert_eq!(in_own(store.sessions.active_sessions_by_tenant(last).await.unwrap()), None, "all are over");
    assert!(store.sessions.count_active_sessions(&Scope::System, None).await.unwrap() >= 3);
    assert!(store.sessions.active_sessions(&query(&Scope::System, None, 1, 0)).await.unwrap().total >= 2);
}

pub async fn a_session_is_found_by_its_id_whatever_has_become_of_it(bench: &dyn Bench) {
    let (store, acme) = (bench.store(), fresh_tenant(bench).await);
    let anna = Account::register(&store, &acme, "anna@example.org").await;
    let id = anna.session.id;
    assert_eq!(store.sessions.session(&Scope::from(&acme), id).await, Ok(Some(anna.session.clone())));
    assert_eq!(store.sessions.session(&Scope::from(&TenantId::default()), id).await, Ok(None), "another tenant's");
    let revoke = Change::Session(SessionChange::Revoke { tenant: acme, identity: anna.identity.id, session: id });
    store.changes.commit(vec![revoke]).await.unwrap();
    let revoked = Session { active: false, ..anna.session };
    assert_eq!(store.sessions.session(&Scope::System, id).await, Ok(Some(revoked)));
}

/// A tenant of this test alone.
async fn fresh_tenant(bench: &dyn Bench) -> TenantId {
    let tenant = tenant(&format!("t{}", unique().simple()));
    bench.add_tenant(&tenant, true).await;
    tenant
}
