//! Lists of identities: pages, order and searches.

use kayan_ports::{Change, Factor, FactorChange, Identity, IdentityQuery, Page, Scope, State, Stores, TenantId};

use crate::{
    Bench,
    sample::{at, creation, identity, named, recovery_code, tenant, totp},
};

async fn create(store: &Stores, identity: Identity, names: &[&str]) -> Identity {
    let names = names.iter().map(|name| named("email", name)).collect();
    store.changes.commit(vec![creation(&identity, names)]).await.unwrap();
    identity
}

async fn list(store: &Stores, contains: Option<&str>, limit: u32, offset: u64) -> Page<Identity> {
    let scope = Scope::Tenant(TenantId::default());
    let query = IdentityQuery {
        scope,
        state: None,
        contains: contains.map(str::to_owned),
        without_factor: false,
        limit,
        offset,
    };
    store.accounts.identities(&query).await.unwrap()
}

pub async fn identities_are_listed_newest_first(bench: &dyn Bench) {
    let store = bench.store();
    let made = |seconds| Identity { created_at: at(seconds), ..identity(&TenantId::default()) };
    let middle = create(&store, made(20), &[]).await;
    let newest = create(&store, made(30), &[]).await;
    let oldest = create(&store, made(10), &[]).await;
    assert_eq!(
        list(&store, None, 100, 0).await,
        Page { rows: vec![newest, middle, oldest], damaged: vec![], total: 3 }
    );
}

pub async fn pages_are_disjoint_and_count_all(bench: &dyn Bench) {
    let store = bench.store();
    let mut all = Vec::new();
    for number in 0..7 {
        // Pairs of one age: a page's edge may fall between them.
        let identity = Identity { created_at: at(number / 2), ..identity(&TenantId::default()) };
        all.push(create(&store, identity, &[&format!("user{number}@example.org")]).await.id);
    }
    for search in [None, Some("user")] {
        let mut seen = Vec::new();
        for (offset, length) in [(0, 3), (3, 3), (6, 1), (7, 0), (1_000_000, 0)] {
            let page = list(&store, search, 3, offset).await;
            assert_eq!((page.rows.len(), page.total), (length, 7), "after {offset}");
            seen.extend(page.rows.into_iter().map(|identity| identity.id));
        }
        seen.sort();
        assert_eq!(seen, all);
    }
}

pub async fn a_search_finds_any_part_of_any_identifier_once(bench: &dyn Bench) {
    let (store, tenant) = (bench.store(), TenantId::default());
    let anna = create(&store, identity(&tenant), &["anna@example.org", "anna@example.com"]).await;
    let bert = create(&store, identity(&tenant), &["bärt@example.org"]).await;
    let both = vec![bert.clone(), anna.clone()];
    let cases: [(&str, Vec<Identity>); 9] = [
        ("anna", vec![anna.clone()]),
        ("anna@example.com", vec![anna.clone()]),
        ("com", vec![anna.clone()]),
        ("ANNA@Example", vec![anna]),
        ("är", vec![bert]),
        ("", both.clone()),
        ("@example", both),
        ("conrad", vec![]),
        ("anna@example.org.", vec![]),
    ];
    for (text, rows) in cases {
        let total = rows.len() as u64;
        assert_eq!(list(&store, Some(text), 100, 0).await, Page { rows, damaged: vec![], total }, "{text}");
    }
}

/// Of two names, one with `sign` and one with something in its place, a search for `sign` finds the one.
async fn means_itself(bench: &dyn Bench, sign: char) {
    let (store, tenant) = (bench.store(), TenantId::default());
    let meant = create(&store, identity(&tenant), &[&format!("ab{sign}cd@example.org")]).await;
    create(&store, identity(&tenant), &["abxcd@example.org", "abcd@example.org", "abxxcd@example.org"]).await;
    for text in [format!("b{sign}c"), sign.to_string(), format!("ab{sign}cd@example.org")] {
        assert_eq!(
            list(&store, Some(&text), 100, 0).await,
            Page { rows: vec![meant.clone()], damaged: vec![], total: 1 },
            "{text}"
        );
    }
}

pub async fn i_39_a_percent_sign_in_a_search_means_itself(bench: &dyn Bench) {
    means_itself(bench, '%').await;
}

pub async fn an_underscore_in_a_search_means_itself(bench: &dyn Bench) {
    means_itself(bench, '_').await;
}

pub async fn a_backslash_in_a_search_means_itself(bench: &dyn Bench) {
    means_itself(bench, '\\').await;
}

pub async fn quotes_and_wildcards_of_other_languages_in_a_search_mean_themselves(bench: &dyn Bench) {
    for sign in ['\'', '"', '*', '?', '[', ']', '^', '!', '#', '$', ';', '-', '`', '+'] {
        let (store, tenant) = (bench.store(), TenantId::default());
        let meant = create(&store, identity(&tenant), &[&format!("ab{sign}cd@example.org")]).await;
        let page = list(&store, Some(&format!("ab{sign}cd@")), 100, 0).await;
        assert_eq!(page, Page { rows: vec![meant], damaged: vec![], total: 1 }, "{sign}");
    }
}

pub async fn a_list_can_ask_for_a_state(bench: &dyn Bench) {
    let (store, tenant) = (bench.store(), TenantId::default());
    for state in State::ALL {
        let name = format!("{}@example.org", state.as_str());
        create(&store, Identity { state, ..identity(&tenant) }, &[&name]).await;
    }
    for state in State::ALL {
        for contains in [None, Some("example".to_owned())] {
            let scope = Scope::Tenant(tenant.clone());
            let query =
                IdentityQuery { scope, state: Some(state), contains, without_factor: false, limit: 100, offset: 0 };
            let page = store.accounts.identities(&query).await.unwrap();
            assert_eq!((page.total, page.rows.len(), page.rows[0].state), (1, 1, state));
        }
    }
}

/// Gives an identity an app, confirmed or not, and a recovery code.
async fn equip(store: &Stores, identity: &Identity, confirmed: bool) {
    let (app, code) = (totp(identity), recovery_code(identity, 1));
    let (tenant, whom, factor) = (app.tenant.clone(), app.identity, app.id);
    let add = |factor: Factor| Change::Factor(FactorChange::Add(Box::new(factor)));
    let confirm = FactorChange::Confirm { tenant, identity: whom, factor, step: 1, at: at(60) };
    let mut changes = vec![add(app), add(code)];
    changes.extend(confirmed.then_some(Change::Factor(confirm)));
    store.changes.commit(changes).await.unwrap();
}

pub async fn a_list_can_ask_for_those_without_a_second_factor(bench: &dyn Bench) {
    let (store, acme) = (bench.store(), tenant("acme"));
    bench.add_tenant(&acme, true).await;
    let made = |seconds| Identity { created_at: at(seconds), ..identity(&acme) };
    let plain = create(&store, made(1), &["plain@example.org"]).await;
    let pending = create(&store, made(2), &["pending@example.org"]).await;
    let equipped = create(&store, made(3), &["equipped@example.org"]).await;
    let elsewhere = create(&store, identity(&TenantId::default()), &["elsewhere@example.org"]).await;
    equip(&store, &pending, false).await;
    equip(&store, &equipped, true).await;
    equip(&store, &elsewhere, true).await;
    for scope in [Scope::Tenant(acme.clone()), Scope::System] {
        for contains in [None, Some("example".to_owned())] {
            let query = IdentityQuery {
                scope: scope.clone(),
                state: None,
                contains,
                without_factor: true,
                limit: 1,
                offset: 0,
            };
            for (offset, rows) in [(0, vec![pending.clone()]), (1, vec![plain.clone()]), (2, vec![])] {
                let page = store.accounts.identities(&IdentityQuery { offset, ..query.clone() }).await.unwrap();
                assert_eq!(page, Page { rows, damaged: vec![], total: 2 }, "{query:?}");
            }
        }
    }
    let query = IdentityQuery {
        scope: Scope::System,
        state: Some(State::Locked),
        contains: None,
        without_factor: true,
        limit: 100,
        offset: 0,
    };
    assert_eq!(store.accounts.identities(&query).await.unwrap().total, 0);
}

pub async fn those_without_a_second_factor_are_found_among_the_newest_and_among_a_roles_holders(bench: &dyn Bench) {
    let (store, acme) = (bench.store(), tenant("acme"));
    bench.add_tenant(&acme, true).await;
    let mut people = Vec::new();
    for seconds in 0..4 {
        let roles = if seconds < 3 { vec!["operator".to_owned()] } else { vec!["viewer".to_owned()] };
        let person = Identity { created_at: at(seconds), roles, ..identity(&acme) };
        people.push(create(&store, person, &[]).await);
    }
    let [oldest, equipped, pending, newest] = &people[..] else { unreachable!("four") };
    equip(&store, equipped, true).await;
    equip(&store, pending, false).await;
    create(&store, Identity { state: State::Locked, ..identity(&acme) }, &[]).await;
    create(&store, identity(&TenantId::default()), &[]).await;
    for (role, among, expected) in [
        (None, 100, vec![oldest, pending, newest]),
        (None, 3, vec![pending, newest]),
        (None, 1, vec![newest]),
        (Some("operator"), 100, vec![oldest, pending]),
        (Some("viewer"), 100, vec![newest]),
        (Some("admin"), 100, vec![]),
    ] {
        let mut found = store.accounts.without_factor(&acme, role, among).await.unwrap();
        found.sort();
        let mut expected: Vec<_> = expected.into_iter().map(|identity| identity.id).collect();
        expected.sort();
        assert_eq!(found, expected, "{role:?} among {among}");
    }
    let some = store.accounts.without_factor(&acme, Some("operator"), 1).await.unwrap();
    assert!(some.len() <= 1, "{some:?}");
}
