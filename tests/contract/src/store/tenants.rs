//! Every read and change stays in its scope: another tenant's row is as good as absent.

use kayan_ports::{
    AccountChange, Change, Client, CommitError, Credential, CredentialChange, Guard, IdentityQuery, Lookup,
    RefreshToken, Scope, Session, SessionChange, State, TenantId, Traits,
};

use crate::{
    Bench,
    sample::{
        Account, at, creation, event, identifier, identity, named, next_password, password, record, refresh_token,
        rotation, session, tenant, token,
    },
    view::{self, View},
};

pub async fn the_default_tenant_is_there(bench: &dyn Bench) {
    let found = view::login_candidate(
        &bench.store(),
        &TenantId::default(),
        &identifier("anna@example.org"),
        &Client::default(),
    )
    .await;
    assert_eq!(found, Ok(Lookup::Absent));
}

async fn is_no_tenant(bench: &dyn Bench, tenant: &TenantId) {
    let store = bench.store();
    assert_eq!(
        view::login_candidate(&store, tenant, &identifier("anna@example.org"), &Client::default()).await,
        Ok(Lookup::NoTenant)
    );
    assert_eq!(store.access_tokens.authenticated_session(tenant, &token()).await, Ok(Lookup::NoTenant));
    assert_eq!(store.sessions.refreshing(tenant, &token()).await, Ok(Lookup::NoTenant));
    let newcomer = creation(&identity(tenant), vec![named("email", "anna@example.org")]);
    assert_eq!(store.changes.commit(vec![newcomer]).await, Err(CommitError::Stale(Guard::Tenant)));
}

pub async fn an_unknown_tenant_is_no_tenant(bench: &dyn Bench) {
    is_no_tenant(bench, &tenant("nowhere")).await;
}

pub async fn an_inactive_tenant_is_no_tenant(bench: &dyn Bench) {
    let closed = tenant("closed");
    bench.add_tenant(&closed, false).await;
    is_no_tenant(bench, &closed).await;
}

/// The default tenant, another one, and a user in it.
async fn neighbours(bench: &dyn Bench) -> (TenantId, Account) {
    let acme = tenant("acme");
    bench.add_tenant(&acme, true).await;
    (TenantId::default(), Account::register(&bench.store(), &acme, "anna@example.org").await)
}

pub async fn another_tenants_identifier_signs_nobody_in(bench: &dyn Bench) {
    let (own, anna) = neighbours(bench).await;
    assert_eq!(view::login_candidate(&bench.store(), &own, &anna.name, &Client::default()).await, Ok(Lookup::Absent));
}

pub async fn another_tenants_session_is_absent(bench: &dyn Bench) {
    let ((own, anna), store) = (neighbours(bench).await, bench.store());
    assert_eq!(store.access_tokens.authenticated_session(&own, &anna.session.token).await, Ok(Lookup::Absent));
    assert_eq!(store.sessions.sessions(&own, anna.identity.id, at(0)).await, Ok(vec![]));
}

pub async fn another_tenants_refresh_token_is_absent(bench: &dyn Bench) {
    let (own, anna) = neighbours(bench).await;
    assert_eq!(bench.store().sessions.refreshing(&own, &anna.refresh.hash).await, Ok(Lookup::Absent));
}

pub async fn another_tenants_events_are_absent(bench: &dyn Bench) {
    let ((own, anna), store) = (neighbours(bench).await, bench.store());
    assert_eq!(store.audit.events_about(&own, anna.identity.id).await, Ok(vec![]));
    let mut stray = event(&anna.identity);
    stray.tenant = own.clone();
    store.changes.commit(vec![record(&stray)]).await.unwrap();
    assert_eq!(store.audit.events_about(&own, anna.identity.id).await, Ok(vec![stray]));
    assert_eq!(store.audit.events_about(anna.tenant(), anna.identity.id).await, Ok(vec![anna.event]));
}

pub async fn a_read_sees_its_own_tenant_and_the_system_sees_all(bench: &dyn Bench) {
    let ((own, anna), store) = (neighbours(bench).await, bench.store());
    let readers = [(Scope::Tenant(own), false), (Scope::Tenant(anna.tenant().clone()), true), (Scope::System, true)];
    for (scope, sees) in readers {
        let id = anna.identity.id;
        let query = IdentityQuery {
            scope: scope.clone(),
            state: None,
            contains: None,
            without_factor: false,
            limit: 100,
            offset: 0,
        };
        let search = IdentityQuery { contains: Some("anna".to_owned()), ..query.clone() };
        let (one, many) = (sees.then(|| anna.identity.clone()), u64::from(sees));
        assert_eq!(store.accounts.identity(&scope, id).await, Ok(one.clone()), "{scope:?}");
        assert_eq!(
            store.accounts.identities_named(&scope, &anna.name).await,
            Ok(Vec::from_iter(one.clone())),
            "{scope:?}"
        );
        assert_eq!(store.credentials.password(&scope, id).await, Ok(sees.then(|| anna.password.clone())), "{scope:?}");
        for query in [query, search] {
            let page = store.accounts.identities(&query).await.unwrap();
            assert_eq!((page.rows, page.total), (Vec::from_iter(one.clone()), many), "{scope:?}");
        }
    }
}

pub async fn the_system_finds_an_identifier_in_every_tenant(bench: &dyn Bench) {
    let ((own, anna), store) = (neighbours(bench).await, bench.store());
    let namesake = Account::register(&store, &own, anna.name.as_str()).await;
    let mut found = store.accounts.identities_named(&Scope::System, &anna.name).await.unwrap();
    found.sort_by_key(|identity| identity.id);
    assert_eq!(found, vec![anna.identity, namesake.identity]);
}

/// Changes of every kind that reach from tenant `own` for the rows of `anna`, whose tenant is another, and what each is
/// told.
fn reaching_over(own: &TenantId, anna: &Account, bert: &Account) -> Vec<(Change, Result<(), CommitError>)> {
    let (scope, id) = (Scope::Tenant(own.clone()), anna.identity.id);
    let tenant = || own.clone();
    let stale = |guard| Err(CommitError::Stale(guard));
    let new_password = Credential { tenant: tenant(), ..next_password(&anna.password) };
    let foreign_token = RefreshToken { tenant: tenant(), ..refresh_token(&anna.session) };
    let (credential, version) = (anna.password.id, anna.password.version);
    let (traits, identifiers, verified) = (Traits::default(), vec![], vec![]);
    let foreign_session = Session { tenant: tenant(), ..session(&anna.identity) };
    let session = anna.session.id;
    vec![
        (
            Change::Account(AccountChange::ReplaceTraits {
                tenant: tenant(),
                identity: id,
                expected: 1,
                traits,
                identifiers,
                verified,
                at: at(9),
            }),
            stale(Guard::Identity),
        ),
        (
            Change::Account(AccountChange::SetState {
                scope: scope.clone(),
                identity: id,
                expected: None,
                state: State::Locked,
                until: None,
                at: at(9),
            }),
            stale(Guard::Identity),
        ),
        (
            Change::Account(AccountChange::Delete { scope: scope.clone(), identity: id, expected: None }),
            stale(Guard::Identity),
        ),
        (Change::Credential(CredentialChange::Replace(Box::new(new_password))), stale(Guard::Credential)),
        (
            Change::Credential(CredentialChange::Use { tenant: tenant(), credential, version, at: at(9) }),
            stale(Guard::Credential),
        ),
        (Change::Session(SessionChange::Open(Box::new(foreign_session))), stale(Guard::Identity)),
        (Change::Session(SessionChange::IssueRefresh(Box::new(foreign_token.clone()))), stale(Guard::Session)),
        (rotation(&anna.refresh, &refresh_token(&bert.session)), stale(Guard::RefreshToken)),
        (rotation(&bert.refresh, &foreign_token), stale(Guard::Session)),
        (
            Change::Session(SessionChange::Renew {
                tenant: tenant(),
                session,
                token: token(),
                expires_at: at(9_000),
                at: at(9),
            }),
            stale(Guard::Session),
        ),
        (Change::Session(SessionChange::Touch { tenant: tenant(), session, at: at(9_000) }), Ok(())),
        (Change::Session(SessionChange::RevokeOf { scope, identity: id, except: None }), Ok(())),
        (Change::Session(SessionChange::Revoke { tenant: tenant(), identity: id, session }), stale(Guard::Session)),
    ]
}

pub async fn a_change_touches_no_other_tenants_rows(bench: &dyn Bench) {
    let ((own, anna), store) = (neighbours(bench).await, bench.store());
    let bert = Account::register(&store, &own, "bert@example.org").await;
    for (change, expected) in reaching_over(&own, &anna, &bert) {
        let told = format!("{change:?}");
        assert_eq!(store.changes.commit(vec![change]).await, expected, "{told}");
        assert_eq!(View::of(&store, &anna).await, View::expected(&anna), "{told}");
        assert_eq!(View::of(&store, &bert).await, View::expected(&bert), "{told}");
    }
}

pub async fn another_tenants_identity_gets_no_password(bench: &dyn Bench) {
    let ((own, anna), store) = (neighbours(bench).await, bench.store());
    let bare = identity(anna.tenant());
    store.changes.commit(vec![creation(&bare, vec![])]).await.unwrap();
    let foreign = Credential { tenant: own, ..password(&bare) };
    let outcome = store.changes.commit(vec![Change::Credential(CredentialChange::Add(Box::new(foreign)))]).await;
    assert_eq!(outcome, Err(CommitError::Stale(Guard::Identity)));
    assert_eq!(store.credentials.password(&Scope::System, bare.id).await, Ok(None));
}

pub async fn the_system_changes_every_tenants_rows(bench: &dyn Bench) {
    let ((own, anna), store) = (neighbours(bench).await, bench.store());
    let bert = Account::register(&store, &own, "bert@example.org").await;
    store
        .changes
        .commit(vec![Change::Session(SessionChange::RevokeAll { scope: Scope::System, epoch: 1 })])
        .await
        .unwrap();
    for account in [&anna, &bert] {
        assert!(!view::session_is_active(&store, account).await);
        let identity = account.identity.id;
        let lock = Change::Account(AccountChange::SetState {
            scope: Scope::System,
            identity,
            expected: None,
            state: State::Locked,
            until: None,
            at: at(300),
        });
        store.changes.commit(vec![lock]).await.unwrap();
        assert_eq!(view::identity(&store, account).await.state, State::Locked);
        store
            .changes
            .commit(vec![Change::Account(AccountChange::Delete { scope: Scope::System, identity, expected: None })])
            .await
            .unwrap();
        assert_eq!(store.accounts.identity(&Scope::System, identity).await, Ok(None));
    }
}
