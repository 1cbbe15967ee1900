//! Identities, their identifiers, traits and state.

use kayan_ports::{
    AccountChange, Change, Client, CommitError, Guard, Identity, Lookup, NamedIdentifier, Scope, State, TenantId,
    Traits, Unique,
};
use serde_json::json;

use crate::{
    Bench,
    sample::{Account, at, creation, identifier, identity, named, object, tenant},
    view::{self, View},
};

const TAKEN: CommitError = CommitError::Conflict(Unique::Identifier);
const STALE: CommitError = CommitError::Stale(Guard::Identity);

fn new_traits(of: &Identity, identifiers: Vec<NamedIdentifier>) -> Change {
    Change::Account(AccountChange::ReplaceTraits {
        tenant: of.tenant.clone(),
        identity: of.id,
        expected: of.version,
        traits: Traits(object(json!({ "name": "Anna Conradi" }))),
        identifiers,
        verified: vec![],
        at: at(100),
    })
}

fn new_state(of: &Identity, state: State) -> Change {
    Change::Account(AccountChange::SetState {
        scope: Scope::Tenant(of.tenant.clone()),
        identity: of.id,
        expected: None,
        state,
        until: None,
        at: at(200),
    })
}

pub async fn an_account_comes_back_as_it_went_in(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    assert_eq!(View::of(&store, &anna).await, View::expected(&anna));
}

pub async fn every_state_comes_back_as_it_went_in(bench: &dyn Bench) {
    let store = bench.store();
    for state in State::ALL {
        let identity = Identity { state, ..identity(&TenantId::default()) };
        store.changes.commit(vec![creation(&identity, vec![])]).await.unwrap();
        assert_eq!(store.accounts.identity(&Scope::System, identity.id).await.unwrap(), Some(identity));
    }
}

pub async fn an_unknown_identifier_is_absent(bench: &dyn Bench) {
    let (store, tenant) = (bench.store(), TenantId::default());
    Account::register(&store, &tenant, "anna@example.org").await;
    for name in ["nobody@example.org", "anna@example.or", "anna@example.org ", "%", ""] {
        assert_eq!(
            view::login_candidate(&store, &tenant, &identifier(name), &Client::default()).await,
            Ok(Lookup::Absent),
            "{name:?}"
        );
        assert_eq!(store.accounts.identities_named(&Scope::System, &identifier(name)).await, Ok(vec![]), "{name:?}");
    }
}

pub async fn an_identifier_is_taken_once(bench: &dyn Bench) {
    let (store, tenant) = (bench.store(), TenantId::default());
    let anna = Account::register(&store, &tenant, "anna@example.org").await;
    let other = Account::of(&tenant, "anna@example.org");
    assert_eq!(store.changes.commit(other.registration()).await, Err(TAKEN));
    assert_eq!(View::of(&store, &anna).await, View::expected(&anna));
}

pub async fn an_id_is_taken_once(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    bench.add_tenant(&tenant("other"), true).await;
    for name in [TenantId::default(), tenant("other")] {
        let mut other = identity(&name);
        other.id = anna.identity.id;
        let taken = store.changes.commit(vec![creation(&other, vec![named("email", "bert@example.org")])]).await;
        assert_eq!(taken, Err(CommitError::Conflict(Unique::Identity)), "in {name}");
    }
    assert_eq!(View::of(&store, &anna).await, View::expected(&anna));
}

pub async fn identifiers_that_only_look_alike_are_two(bench: &dyn Bench) {
    let (store, tenant) = (bench.store(), TenantId::default());
    for name in ["anna@example.org", "änna@example.org", "anna@example.org.", "аnna@example.org", "ANNA@example.org"]
    {
        let account = Account::register(&store, &tenant, name).await;
        let Lookup::Found(found) =
            view::login_candidate(&store, &tenant, &account.name, &Client::default()).await.unwrap()
        else {
            panic!("{name} is lost")
        };
        assert_eq!(found.identity.id, account.identity.id, "{name}");
        assert_eq!(
            store.accounts.identities_named(&Scope::System, &account.name).await,
            Ok(vec![account.identity]),
            "{name}"
        );
    }
}

pub async fn every_identifier_of_an_identity_signs_it_in(bench: &dyn Bench) {
    let (store, tenant) = (bench.store(), TenantId::default());
    let anna = identity(&tenant);
    let names = vec![named("email", "anna@example.org"), named("phone", "+41441234567")];
    store.changes.commit(vec![creation(&anna, names.clone())]).await.unwrap();
    for name in names {
        let Lookup::Found(found) =
            view::login_candidate(&store, &tenant, &name.value, &Client::default()).await.unwrap()
        else {
            panic!("{} finds no account", name.field);
        };
        assert_eq!((found.identity, found.password), (anna.clone(), None));
    }
}

pub async fn an_identifier_that_two_fields_share_is_no_conflict(bench: &dyn Bench) {
    let (store, tenant) = (bench.store(), TenantId::default());
    let anna = identity(&tenant);
    let names = || vec![named("email", "anna@example.org"), named("username", "anna@example.org")];
    store.changes.commit(vec![creation(&anna, names())]).await.unwrap();
    store.changes.commit(vec![new_traits(&anna, names())]).await.unwrap();
    assert!(matches!(
        view::login_candidate(&store, &tenant, &identifier("anna@example.org"), &Client::default()).await,
        Ok(Lookup::Found(_))
    ));
}

pub async fn the_same_identifier_in_two_tenants_is_two_accounts(bench: &dyn Bench) {
    let (store, acme) = (bench.store(), tenant("acme"));
    bench.add_tenant(&acme, true).await;
    let one = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let two = Account::register(&store, &acme, "anna@example.org").await;
    assert_eq!(View::of(&store, &one).await, View::expected(&one));
    assert_eq!(View::of(&store, &two).await, View::expected(&two));
}

pub async fn replaced_traits_come_back_and_count_as_a_change(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let mut expected = anna.identity.clone();
    store.changes.commit(vec![new_traits(&anna.identity, vec![named("email", "conradi@example.org")])]).await.unwrap();
    expected.traits = Traits(object(json!({ "name": "Anna Conradi" })));
    expected.verified = vec![];
    expected.updated_at = at(100);
    expected.version = 2;
    assert_eq!(view::identity(&store, &anna).await, expected);
}

pub async fn traits_changed_meanwhile_are_not_overwritten(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let change = || new_traits(&anna.identity, vec![named("email", "anna@example.org")]);
    store.changes.commit(vec![change()]).await.unwrap();
    let before = View::of(&store, &anna).await;
    assert_eq!(store.changes.commit(vec![change()]).await, Err(STALE));
    assert_eq!(View::of(&store, &anna).await, before);
}

pub async fn an_absent_identity_has_no_traits_to_replace(bench: &dyn Bench) {
    let nobody = identity(&TenantId::default());
    assert_eq!(bench.store().changes.commit(vec![new_traits(&nobody, vec![])]).await, Err(STALE));
}

pub async fn an_identifier_given_up_is_free(bench: &dyn Bench) {
    let (store, tenant) = (bench.store(), TenantId::default());
    let anna = Account::register(&store, &tenant, "anna@example.org").await;
    store.changes.commit(vec![new_traits(&anna.identity, vec![named("email", "conradi@example.org")])]).await.unwrap();
    assert_eq!(view::login_candidate(&store, &tenant, &anna.name, &Client::default()).await, Ok(Lookup::Absent));
    assert!(matches!(
        view::login_candidate(&store, &tenant, &identifier("conradi@example.org"), &Client::default()).await,
        Ok(Lookup::Found(_))
    ));
    let other = Account::register(&store, &tenant, "anna@example.org").await;
    assert_eq!(View::of(&store, &other).await, View::expected(&other));
}

pub async fn an_identity_keeps_its_identifier_through_a_change(bench: &dyn Bench) {
    let (store, tenant) = (bench.store(), TenantId::default());
    let anna = Account::register(&store, &tenant, "anna@example.org").await;
    let names = vec![named("email", "anna@example.org"), named("phone", "+41441234567")];
    store.changes.commit(vec![new_traits(&anna.identity, names)]).await.unwrap();
    assert!(matches!(
        view::login_candidate(&store, &tenant, &anna.name, &Client::default()).await,
        Ok(Lookup::Found(_))
    ));
}

pub async fn anothers_identifier_is_not_taken_by_a_change(bench: &dyn Bench) {
    let (store, tenant) = (bench.store(), TenantId::default());
    let anna = Account::register(&store, &tenant, "anna@example.org").await;
    let bert = Account::register(&store, &tenant, "bert@example.org").await;
    let theft = new_traits(&anna.identity, vec![named("email", "bert@example.org")]);
    assert_eq!(store.changes.commit(vec![theft]).await, Err(TAKEN));
    assert_eq!(View::of(&store, &anna).await, View::expected(&anna));
    assert_eq!(View::of(&store, &bert).await, View::expected(&bert));
}

pub async fn a_new_state_comes_back_and_counts_as_a_change(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let mut expected = anna.identity.clone();
    for state in State::ALL {
        store.changes.commit(vec![new_state(&anna.identity, state)]).await.unwrap();
        (expected.state, expected.updated_at, expected.version) = (state, at(200), expected.version + 1);
        assert_eq!(view::identity(&store, &anna).await, expected);
    }
    let stale = new_traits(&anna.identity, vec![named("email", "anna@example.org")]);
    assert_eq!(store.changes.commit(vec![stale]).await, Err(STALE), "a change of state is a change since it was read");
}

pub async fn a_state_that_ends_is_told_of_when_it_is_over(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let bert = Account::register(&store, &TenantId::default(), "bert@example.org").await;
    let lock = |of: &Account, until| {
        Change::Account(AccountChange::SetState {
            scope: Scope::from(of.tenant()),
            identity: of.identity.id,
            expected: None,
            state: State::Locked,
            until,
            at: at(200),
        })
    };
    let ended = async |now| {
        let ended = store.accounts.ended_locks(now).await.unwrap();
        ended.into_iter().map(|identity| identity.id).collect::<Vec<_>>()
    };
    store.changes.commit(vec![lock(&anna, Some(at(302))), lock(&bert, Some(at(301)))]).await.unwrap();
    assert_eq!(ended(at(300)).await, []);
    assert_eq!(ended(at(301)).await, [bert.identity.id]);
    assert_eq!(ended(at(302)).await, [bert.identity.id, anna.identity.id], "the longest over first");
    assert_eq!(store.accounts.ended_locks(at(302)).await.unwrap()[1], view::identity(&store, &anna).await);
    store.changes.commit(vec![new_state(&bert.identity, State::Active), lock(&anna, None)]).await.unwrap();
    assert_eq!(ended(at(999)).await, [], "another state takes its place");
}

pub async fn an_absent_identity_has_no_state_to_set(bench: &dyn Bench) {
    let nobody = identity(&TenantId::default());
    assert_eq!(bench.store().changes.commit(vec![new_state(&nobody, State::Locked)]).await, Err(STALE));
}
