//! Of many at the same moment exactly one wins, and no interleaving opens what was just closed.

use kayan_ports::{
    AccountChange, Change, Client, CommitError, CredentialChange, Guard, IdentityQuery, Lookup, Scope, SessionChange,
    State, TenantId, Traits, Unique,
};
use serde_json::json;

use crate::{
    Bench,
    race::{MANY, only_winner, race},
    sample::{
        Account, at, creation, identity, named, next_password, object, password, refresh_token, rotation, session,
        token,
    },
    view::{self, View},
};

const ROUNDS: usize = 24;

pub async fn an_identifier_is_taken_once_under_64_parallel_registrations(bench: &dyn Bench) {
    let (store, tenant) = (bench.store(), TenantId::default());
    let accounts: Vec<_> = (0..MANY).map(|_| Account::of(&tenant, "anna@example.org")).collect();
    let outcomes = race(&store, accounts.iter().map(Account::registration).collect()).await;
    let winner = &accounts[only_winner(&outcomes, &CommitError::Conflict(Unique::Identifier))];
    let Lookup::Found(found) = view::login_candidate(&store, &tenant, &winner.name, &Client::default()).await.unwrap()
    else {
        panic!("no attempt won")
    };
    assert_eq!((found.identity.id, found.password), (winner.identity.id, Some(winner.password.clone())));
    let all = IdentityQuery {
        scope: Scope::System,
        state: None,
        contains: None,
        without_factor: false,
        limit: 100,
        offset: 0,
    };
    assert_eq!(store.accounts.identities(&all).await.unwrap().total, 1);
}

pub async fn a_refresh_token_is_spent_once_under_64_parallel_rotations(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let successors: Vec<_> = (0..MANY).map(|_| refresh_token(&anna.session)).collect();
    let renew = || {
        Change::Session(SessionChange::Renew {
            tenant: anna.tenant().clone(),
            session: anna.session.id,
            token: token(),
            expires_at: at(9_000),
            at: at(60),
        })
    };
    let lists = successors.iter().map(|next| vec![renew(), rotation(&anna.refresh, next)]).collect();
    let winner = only_winner(&race(&store, lists).await, &CommitError::Stale(Guard::RefreshToken));
    for (number, next) in successors.iter().enumerate() {
        let found = store.sessions.refreshing(anna.tenant(), &next.hash).await.unwrap();
        assert_eq!(matches!(found, Lookup::Found(_)), number == winner, "a loser's successor is good");
    }
}

pub async fn an_identity_gets_one_password_under_64_parallel_tries(bench: &dyn Bench) {
    let (store, anna) = (bench.store(), identity(&TenantId::default()));
    store.changes.commit(vec![creation(&anna, vec![])]).await.unwrap();
    let passwords: Vec<_> = (0..MANY).map(|_| password(&anna)).collect();
    let lists =
        passwords.iter().map(|new| vec![Change::Credential(CredentialChange::Add(Box::new(new.clone())))]).collect();
    let winner = only_winner(&race(&store, lists).await, &CommitError::Conflict(Unique::Credential));
    assert_eq!(store.credentials.password(&Scope::System, anna.id).await, Ok(Some(passwords[winner].clone())));
}

pub async fn a_password_is_replaced_once_under_64_parallel_tries(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let passwords: Vec<_> = (0..MANY).map(|_| next_password(&anna.password)).collect();
    let lists = passwords
        .iter()
        .map(|new| vec![Change::Credential(CredentialChange::Replace(Box::new(new.clone())))])
        .collect();
    let winner = only_winner(&race(&store, lists).await, &CommitError::Stale(Guard::Credential));
    assert_eq!(store.credentials.password(&Scope::System, anna.identity.id).await, Ok(Some(passwords[winner].clone())));
}

pub async fn traits_are_replaced_once_under_64_parallel_tries(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let replace = |number: usize| {
        Change::Account(AccountChange::ReplaceTraits {
            tenant: anna.tenant().clone(),
            identity: anna.identity.id,
            expected: 1,
            traits: Traits(object(json!({ "number": number }))),
            identifiers: vec![named("email", "anna@example.org")],
            verified: vec![],
            at: at(100),
        })
    };
    let lists = (0..MANY).map(|number| vec![replace(number)]).collect();
    let winner = only_winner(&race(&store, lists).await, &CommitError::Stale(Guard::Identity));
    let found = view::identity(&store, &anna).await;
    assert_eq!((found.traits.0["number"].as_u64(), found.version), (Some(winner as u64), 2));
}

pub async fn a_session_is_revoked_once_under_64_parallel_tries(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let (tenant, identity, session) = (anna.tenant().clone(), anna.identity.id, anna.session.id);
    let lists = vec![vec![Change::Session(SessionChange::Revoke { tenant, identity, session })]; MANY];
    only_winner(&race(&store, lists).await, &CommitError::Stale(Guard::Session));
}

pub async fn an_identity_is_deleted_once_under_64_parallel_tries(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let deletion =
        Change::Account(AccountChange::Delete { scope: Scope::System, identity: anna.identity.id, expected: None });
    only_winner(&race(&store, vec![vec![deletion]; MANY]).await, &CommitError::Stale(Guard::Identity));
}

/// Eight logins at once with `closing`: afterwards none of the account's sessions may be live.
async fn closes_the_door(bench: &dyn Bench, closing: impl Fn(&Account) -> Vec<Change>) {
    let store = bench.store();
    for round in 0..ROUNDS {
        let anna = Account::register(&store, &TenantId::default(), &format!("anna{round}@example.org")).await;
        let credential = &anna.password;
        let login = || {
            let (tenant, credential, version) = (credential.tenant.clone(), credential.id, credential.version);
            let proof = Change::Credential(CredentialChange::Use { tenant, credential, version, at: at(50) });
            vec![Change::Session(SessionChange::Open(Box::new(session(&anna.identity)))), proof]
        };
        let mut lists: Vec<_> = (0..8).map(|_| login()).collect();
        lists.insert(round % 9, closing(&anna));
        let outcomes = race(&store, lists).await;
        assert_eq!(outcomes[round % 9], Ok(()));
        assert_eq!(View::of(&store, &anna).await.sessions, vec![], "a session was left open");
    }
}

fn revoke_all(of: &Account) -> Change {
    let scope = Scope::Tenant(of.tenant().clone());
    Change::Session(SessionChange::RevokeOf { scope, identity: of.identity.id, except: None })
}

pub async fn locking_during_logins_leaves_no_open_session(bench: &dyn Bench) {
    closes_the_door(bench, |anna| {
        let (scope, identity) = (Scope::Tenant(anna.tenant().clone()), anna.identity.id);
        vec![
            Change::Account(AccountChange::SetState {
                scope,
                identity,
                expected: None,
                state: State::Locked,
                until: None,
                at: at(60),
            }),
            revoke_all(anna),
        ]
    })
    .await;
}

pub async fn changing_the_password_during_logins_leaves_no_open_session(bench: &dyn Bench) {
    closes_the_door(bench, |anna| {
        vec![revoke_all(anna), Change::Credential(CredentialChange::Replace(Box::new(next_password(&anna.password))))]
    })
    .await;
}

pub async fn deleting_during_logins_leaves_no_session(bench: &dyn Bench) {
    closes_the_door(bench, |anna| {
        vec![Change::Account(AccountChange::Delete {
            scope: Scope::System,
            identity: anna.identity.id,
            expected: None,
        })]
    })
    .await;
}
