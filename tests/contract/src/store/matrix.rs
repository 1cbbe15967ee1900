//! I-29, the whole matrix.
//!
//! Every table, everything that can be done with it, and who tries: its own tenant, another one, one that there is not,
//! and the system.

use kayan_ports::{
    AccountChange, AccountQuery, Change, EventId, EventQuery, Identity, IdentityQuery, KeyPurpose, Lookup, Position,
    PurgeEvents, Role, RoleChange, Scope, SessionChange, SessionQuery, State, Stores, Stretch, TenantQuery, Traits,
};

use crate::{
    Bench, device_verbs, factor_verbs, issuer_key_verbs, link_verbs, message_verbs, password_verbs,
    sample::{at, client, event, record, refresh_token, rotation, session, tenant, token, unique, uuid},
    thing::Thing,
    verb::{Verb, by_scope, by_tenant},
    view,
};

/// Tables of which another law tells, or in which no row is a tenant's.
const ELSEWHERE: [(&str, &str); 4] = [
    ("attempts", "the law every_target_and_every_known_network_is_counted_apart"),
    ("data_keys", "one row, the system's"),
    ("audit_sealing", "one row: which replica seals, for all tenants"),
    ("schema_migrations", "the schema's own history"),
];

pub(crate) async fn commits(store: &Stores, change: Change) -> bool {
    store.changes.commit(vec![change]).await.is_ok()
}

async fn is_in(it: &Thing, store: &Stores) -> bool {
    match store.access_tokens.authenticated_session(&it.tenant, &it.account.session.token).await.unwrap() {
        Lookup::Found(found) => found.session.active,
        Lookup::Absent | Lookup::NoTenant => false,
    }
}

fn identities() -> Vec<Verb> {
    vec![
        by_scope("identities", "read", |it, store, scope| {
            Box::pin(async { store.accounts.identity(scope, it.account.identity.id).await.unwrap().is_some() })
        }),
        by_scope("identities", "list", |it, store, scope| {
            Box::pin(async {
                let query = IdentityQuery {
                    scope: scope.clone(),
                    state: None,
                    contains: None,
                    without_factor: false,
                    limit: 100,
                    offset: 0,
                };
                let page = store.accounts.identities(&query).await.unwrap();
                page.rows.iter().any(|identity| identity.id == it.account.identity.id)
            })
        }),
        by_tenant("identities", "export", |it, store, tenant| {
            Box::pin(async {
                let query = AccountQuery { tenant: tenant.clone(), state: None, after: None, hashes: true, limit: 100 };
                let accounts = store.accounts.accounts(&query).await.unwrap();
                accounts.iter().any(|account| account.identity.id == it.account.identity.id)
            })
        }),
        by_scope("identities", "set the state", |it, store, scope| {
            let (scope, identity) = (scope.clone(), it.account.identity.id);
            Box::pin(commits(
                store,
                Change::Account(AccountChange::SetState {
                    scope,
                    identity,
                    expected: None,
                    state: State::Locked,
                    until: None,
                    at: at(9),
                }),
            ))
        }),
        by_scope("timed_locks", "set", |it, store, scope| {
            let (scope, identity, until) = (scope.clone(), it.account.identity.id, Some(at(10)));
            Box::pin(async move {
                let lock = Change::Account(AccountChange::SetState {
                    scope,
                    identity,
                    expected: None,
                    state: State::Locked,
                    until,
                    at: at(9),
                });
                store.changes.commit(vec![lock]).await.is_ok()
                    && store.accounts.ended_locks(at(10)).await.unwrap().iter().any(|locked| locked.id == identity)
            })
        }),
        by_tenant("identities", "replace the traits", |it, store, tenant| {
            Box::pin(commits(
                store,
                Change::Account(AccountChange::ReplaceTraits {
                    tenant: tenant.clone(),
                    identity: it.account.identity.id,
                    expected: 1,
                    traits: Traits::default(),
                    identifiers: Vec::new(),
                    verified: Vec::new(),
                    at: at(9),
                }),
            ))
        }),
        by_scope("identities", "delete", |it, store, scope| {
            let (scope, identity) = (scope.clone(), it.account.identity.id);
            Box::pin(commits(store, Change::Account(AccountChange::Delete { scope, identity, expected: None })))
        }),
        by_scope("identifiers", "find by", |it, store, scope| {
            Box::pin(async { !store.accounts.identities_named(scope, &it.account.name).await.unwrap().is_empty() })
        }),
        by_tenant("identifiers", "sign in by", |it, store, tenant| {
            Box::pin(async {
                let found = view::login_candidate(store, tenant, &it.account.name, &client("192.0.2.7")).await;
                matches!(found, Ok(Lookup::Found(_)))
            })
        }),
        by_tenant("known_networks", "tell", |it, store, tenant| {
            Box::pin(async {
                let found = view::login_candidate(store, tenant, &it.account.name, &client("192.0.2.7")).await;
                matches!(found, Ok(Lookup::Found(known)) if known.known_network)
            })
        }),
    ]
}

fn sessions() -> Vec<Verb> {
    let query = |scope: &Scope| SessionQuery { scope: scope.clone(), identity: None, at: at(9), limit: 100, offset: 0 };
    vec![
        by_scope("sessions", "read", |it, store, scope| {
            Box::pin(async { store.sessions.session(scope, it.account.session.id).await.unwrap().is_some() })
        }),
        by_scope("sessions", "list", move |it, store, scope| {
            Box::pin(async move {
                let page = store.sessions.active_sessions(&query(scope)).await.unwrap();
                page.rows.iter().any(|session| session.id == it.account.session.id)
            })
        }),
        by_scope("sessions", "count", |it, store, scope| {
            let identity = Some(it.account.identity.id);
            Box::pin(async move { store.sessions.count_active_sessions(scope, identity).await.unwrap() == 1 })
        }),
        by_tenant("sessions", "list one's own", |it, store, tenant| {
            Box::pin(async {
                !store.sessions.sessions(tenant, it.account.identity.id, at(9)).await.unwrap().is_empty()
            })
        }),
        by_tenant("sessions", "present a token of", |it, store, tenant| {
            Box::pin(async {
                let found = store.access_tokens.authenticated_session(tenant, &it.account.session.token).await.unwrap();
                matches!(found, Lookup::Found(_))
            })
        }),
        by_tenant("sessions", "open", |it, store, tenant| {
            let mut opened = session(&it.account.identity);
            opened.tenant = tenant.clone();
            Box::pin(commits(store, Change::Session(SessionChange::Open(Box::new(opened)))))
        }),
        by_tenant("sessions", "renew", |it, store, tenant| {
            let (tenant, session) = (tenant.clone(), it.account.session.id);
            let renew = Change::Session(SessionChange::Renew {
                tenant,
                session,
                token: token(),
                expires_at: at(4_000),
                at: at(9),
            });
            Box::pin(commits(store, renew))
        }),
        by_tenant("sessions", "see", |it, store, tenant| {
            Box::pin(async {
                let session = it.account.session.id;
                commits(store, Change::Session(SessionChange::Touch { tenant: tenant.clone(), session, at: at(99) }))
                    .await;
                let found = store.sessions.session(&Scope::System, session).await.unwrap();
                found.is_some_and(|session| session.last_seen_at == at(99))
            })
        }),
        by_tenant("sessions", "revoke", |it, store, tenant| {
            let (tenant, identity, session) = (tenant.clone(), it.account.identity.id, it.account.session.id);
            Box::pin(commits(store, Change::Session(SessionChange::Revoke { tenant, identity, session })))
        }),
        by_scope("sessions", "revoke all", |it, store, scope| {
            Box::pin(async {
                commits(store, Change::Session(SessionChange::RevokeAll { scope: scope.clone(), epoch: 1 })).await;
                !is_in(it, store).await
            })
        }),
        by_scope("sessions", "revoke an identity's", |it, store, scope| {
            Box::pin(async {
                let (scope, identity) = (scope.clone(), it.account.identity.id);
                commits(store, Change::Session(SessionChange::RevokeOf { scope, identity, except: None })).await;
                !is_in(it, store).await
            })
        }),
        by_tenant("refresh_tokens", "read", |it, store, tenant| {
            Box::pin(async {
                matches!(store.sessions.refreshing(tenant, &it.account.refresh.hash).await.unwrap(), Lookup::Found(_))
            })
        }),
        by_tenant("refresh_tokens", "issue", |it, store, tenant| {
            let mut token = refresh_token(&it.account.session);
            token.tenant = tenant.clone();
            Box::pin(commits(store, Change::Session(SessionChange::IssueRefresh(Box::new(token)))))
        }),
        by_tenant("refresh_tokens", "spend", |it, store, tenant| {
            let mut next = refresh_token(&it.account.session);
            next.tenant = tenant.clone();
            Box::pin(commits(store, rotation(&it.account.refresh, &next)))
        }),
    ]
}

fn roles() -> Vec<Verb> {
    vec![
        by_scope("tenants", "list", |it, store, scope| {
            Box::pin(async {
                let (only, mut offset) = (scope.tenant().cloned(), 0);
                loop {
                    let query = TenantQuery { only: only.clone(), limit: 100, offset };
                    let page = store.tenants.tenants(&query).await.unwrap();
                    if page.rows.iter().any(|tenant| tenant.id == it.tenant) {
                        return true;
                    }
                    offset += 100;
                    if offset >= page.total {
                        return false;
                    }
                }
            })
        }),
        by_tenant("roles", "read", |it, store, tenant| {
            Box::pin(async {
                let found = store.roles.roles(tenant).await.unwrap();
                found.is_some_and(|roles| roles.defined.contains(&it.role))
            })
        }),
        by_tenant("roles", "replace", |it, store, tenant| {
            let role = Role { tenant: tenant.clone(), version: 2, ..it.role.clone() };
            Box::pin(commits(store, Change::Role(RoleChange::Replace(Box::new(role)))))
        }),
        by_tenant("roles", "delete", |it, store, tenant| {
            let (tenant, name) = (tenant.clone(), it.role.name.clone());
            Box::pin(commits(store, Change::Role(RoleChange::Delete { tenant, name, expected: 1 })))
        }),
        by_tenant("identity_roles", "set", |it, store, tenant| {
            let (tenant, roles) = (tenant.clone(), vec!["writer".to_owned()]);
            let identity = it.account.identity.id;
            Box::pin(commits(
                store,
                Change::Role(RoleChange::Assign { tenant, identity, expected: 1, roles, at: at(9) }),
            ))
        }),
        by_tenant("identity_roles", "count administrators by", |_, store, tenant| {
            Box::pin(commits(store, Change::Role(RoleChange::RequireAdmin(tenant.clone()))))
        }),
    ]
}

fn trail() -> Vec<Verb> {
    vec![
        by_tenant("audit_events", "read about somebody", |it, store, tenant| {
            Box::pin(async { !store.audit.events_about(tenant, it.account.identity.id).await.unwrap().is_empty() })
        }),
        by_scope("audit_events", "list", |it, store, scope| {
            Box::pin(async {
                let query = EventQuery { subject: it.account.event.subject.clone(), ..EventQuery::all(scope.clone()) };
                !store.audit.events(&query, None, 100).await.unwrap().events.is_empty()
            })
        }),
        by_scope("audit_events", "count", |it, store, scope| {
            Box::pin(async {
                let counts = store.audit.count_events(scope, at(9_999)).await.unwrap();
                counts.iter().any(|(tenant, count)| *tenant == it.tenant && *count > 0)
            })
        }),
        by_tenant("audit_events", "read to seal", |it, store, tenant| {
            Box::pin(async {
                let until = Position { at: at(9_999), id: EventId(uuid()) };
                let stretch = Stretch { tenant: tenant.clone(), after: None, until, limit: 100 };
                let trail = store.seals.trail(&stretch).await.unwrap();
                trail.iter().any(|event| event.id == it.account.event.id)
            })
        }),
        by_scope("audit_events", "purge", |it, store, scope| {
            Box::pin(async {
                let purge =
                    Change::PurgeEvents(PurgeEvents { scope: scope.clone(), until: at(9_999), parts_until: at(9_999) });
                commits(store, purge).await;
                store.audit.events_about(&it.tenant, it.account.identity.id).await.unwrap().is_empty()
            })
        }),
        by_tenant("audit_events", "write", |it, store, tenant| {
            Box::pin(async {
                let written = event(&Identity { tenant: tenant.clone(), ..it.admin.clone() });
                store.changes.commit(vec![record(&written)]).await.unwrap();
                !store.audit.events_about(&it.tenant, it.admin.id).await.unwrap().is_empty()
            })
        }),
        by_tenant("audit_seals", "read the last of", |_, store, tenant| {
            Box::pin(async { store.seals.last_seal(tenant).await.unwrap().is_some() })
        }),
        by_tenant("audit_seals", "list", |_, store, tenant| {
            Box::pin(async { !store.seals.seals(tenant, 0, 100).await.unwrap().is_empty() })
        }),
        Verb {
            // The system has keys of its own.
            system: Some(false),
            ..by_scope("signing_keys", "read", |_, store, scope| {
                Box::pin(async { store.keys.signing_key(scope, KeyPurpose::AdminToken).await.unwrap().is_some() })
            })
        },
        Verb {
            // A tenant's word about a token that is good everywhere does not count.
            system: Some(false),
            ..by_scope("revoked_tokens", "count", |it, store, scope| {
                Box::pin(async { !store.revocations.revocations(scope, &[it.revoked]).await.unwrap().is_empty() })
            })
        },
        by_tenant("kept_answers", "read", |_, store, tenant| {
            Box::pin(async { store.responses.stored_response(tenant, "cli", "k").await.unwrap().is_some() })
        }),
    ]
}

fn verbs() -> Vec<Verb> {
    [
        identities(),
        password_verbs::credentials(),
        factor_verbs::factors(),
        device_verbs::devices(),
        link_verbs::links(),
        message_verbs::messages(),
        issuer_key_verbs::issuer_keys(),
        sessions(),
        roles(),
        trail(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub async fn i_29_nobody_reaches_another_tenants_rows_in_any_table_by_any_verb(bench: &dyn Bench) {
    let other = tenant(&format!("t{}", unique().simple()));
    bench.add_tenant(&other, true).await;
    let nowhere = tenant(&format!("t{}", unique().simple()));
    let store = bench.store();
    for verb in verbs() {
        let what = format!("{}: {}", verb.table, verb.name);
        let thing = Thing::in_a_new_tenant(bench).await;
        for stranger in [&other, &nowhere] {
            let reached = verb.reaches(&thing, &store, &Scope::Tenant(stranger.clone())).await;
            assert!(!reached, "{what}, by {stranger}");
        }
        let own = Scope::Tenant(thing.tenant.clone());
        assert!(verb.reaches(&thing, &store, &own).await, "{what}, by its own tenant");
    }
    // Last, because the system reaches everybody's.
    for verb in verbs() {
        let thing = Thing::in_a_new_tenant(bench).await;
        let reached = verb.reaches(&thing, &store, &Scope::System).await;
        assert_eq!(reached, verb.system == Some(true), "{}: {}, by the system", verb.table, verb.name);
    }
}

pub async fn i_29_every_table_there_is_has_its_row_in_the_matrix(bench: &dyn Bench) {
    let Some(tables) = bench.tables().await else { return };
    let verbs = verbs();
    for table in &tables {
        let here = verbs.iter().any(|verb| verb.table == table) || ELSEWHERE.iter().any(|(name, _)| name == table);
        assert!(here, "the table {table} has no row in the matrix: say what can be done with it");
    }
    let named = verbs.iter().map(|verb| verb.table).chain(ELSEWHERE.map(|(name, _)| name));
    for table in named {
        assert!(tables.iter().any(|name| name == table), "there is no table {table} any more");
    }
}
