//! Lists of identities: pages, order and searches.

use kayan_ports::{Identity, IdentityQuery, Page, Scope, State, Stores, TenantId};

use crate::{
    Bench,
    sample::{at, creation, identity, named},
};

async fn create(store: &Stores, identity: Identity, names: &[&str]) -> Identity {
    let names = names.iter().map(|name| named("email", name)).collect();
    store.changes.commit(vec![creation(&identity, names)]).await.unwrap();
    identity
}

async fn list(store: &Stores, contains: Option<&str>, limit: u32, offset: u64) -> Page<Identity> {
    let scope = Scope::Tenant(TenantId::default());
    let query = IdentityQuery { scope, state: None, contains: contains.map(str::to_owned), limit, offset };
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
            let query = IdentityQuery { scope, state: Some(state), contains, limit: 100, offset: 0 };
            let page = store.accounts.identities(&query).await.unwrap();
            assert_eq!((page.total, page.rows.len(), page.rows[0].state), (1, 1, state));
        }
    }
}
