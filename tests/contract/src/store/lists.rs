//! A list of changes is one step: whole, in order, and read by everybody once it is acknowledged.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use kayan_ports::{
    AccountChange, Change, CommitError, CredentialChange, Guard, IdentityQuery, Scope, SessionChange, State, Stores,
    TenantId, Unique,
};
use tokio::time::timeout;

use crate::{
    Bench,
    race::{MANY, race},
    sample::{
        Account, at, creation, identity, named, next_password, password, refresh_token, rotation, session, tenant,
        token,
    },
    view::View,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// A change of each kind that must fail once `anna` is registered.
fn bad_changes(anna: &Account) -> Vec<Change> {
    let nobody = identity(&TenantId::default());
    let (absent, absent_session) = (password(&nobody), session(&anna.identity));
    let wrong_version = next_password(&next_password(&anna.password));
    let scope = Scope::Tenant(anna.tenant().clone());
    vec![
        creation(&identity(anna.tenant()), vec![named("email", anna.name.as_str())]),
        creation(&identity(&tenant("nowhere")), vec![]),
        Change::Account(AccountChange::ReplaceTraits {
            tenant: anna.tenant().clone(),
            identity: anna.identity.id,
            expected: 99,
            traits: anna.identity.traits.clone(),
            identifiers: vec![],
            verified: vec![],
            at: at(0),
        }),
        Change::Account(AccountChange::SetState {
            scope: scope.clone(),
            identity: nobody.id,
            expected: None,
            state: State::Locked,
            until: None,
            at: at(0),
        }),
        Change::Account(AccountChange::Delete { scope, identity: nobody.id, expected: None }),
        Change::Credential(CredentialChange::Add(Box::new(password(&anna.identity)))),
        Change::Credential(CredentialChange::Replace(Box::new(wrong_version))),
        Change::Credential(CredentialChange::Use {
            tenant: absent.tenant.clone(),
            credential: absent.id,
            version: 1,
            at: at(0),
        }),
        Change::Session(SessionChange::Open(Box::new(session(&nobody)))),
        Change::Session(SessionChange::IssueRefresh(Box::new(refresh_token(&absent_session)))),
        rotation(&refresh_token(&anna.session), &refresh_token(&anna.session)),
        Change::Session(SessionChange::Renew {
            tenant: anna.tenant().clone(),
            session: absent_session.id,
            token: token(),
            expires_at: at(9_000),
            at: at(0),
        }),
        Change::Session(SessionChange::Revoke {
            tenant: anna.tenant().clone(),
            identity: anna.identity.id,
            session: absent_session.id,
        }),
    ]
}

pub async fn a_list_with_one_bad_change_leaves_nothing(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    for position in [0, 2, 5] {
        for bad in bad_changes(&anna) {
            let bert = Account::of(&TenantId::default(), "bert@example.org");
            let told = format!("{bad:?} at {position}");
            let mut changes = bert.registration();
            changes.insert(position, bad);
            assert!(store.changes.commit(changes).await.is_err(), "{told}");
            assert_eq!(View::of(&store, &bert).await, View::of_nobody(), "{told}");
            assert_eq!(View::of(&store, &anna).await, View::expected(&anna), "{told}");
        }
    }
}

pub async fn an_empty_list_is_no_error(bench: &dyn Bench) {
    assert_eq!(bench.store().changes.commit(vec![]).await, Ok(()));
}

pub async fn changes_are_applied_in_order(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let scope = || Scope::Tenant(anna.tenant().clone());
    let set = |state| {
        Change::Account(AccountChange::SetState {
            scope: scope(),
            identity: anna.identity.id,
            expected: None,
            state,
            until: None,
            at: at(100),
        })
    };
    let open = || Change::Session(SessionChange::Open(Box::new(session(&anna.identity))));
    let stale = Err(CommitError::Stale(Guard::Identity));
    assert_eq!(store.changes.commit(vec![set(State::Locked), open(), set(State::Active)]).await, stale);
    assert_eq!(store.changes.commit(vec![set(State::Locked), set(State::Active), open()]).await, Ok(()));
    let other = Account::of(&TenantId::default(), "anna@example.org");
    let mut successor = other.registration();
    successor.push(Change::Account(AccountChange::Delete {
        scope: scope(),
        identity: anna.identity.id,
        expected: None,
    }));
    assert_eq!(store.changes.commit(successor.clone()).await, Err(CommitError::Conflict(Unique::Identifier)));
    successor.rotate_right(1);
    assert_eq!(store.changes.commit(successor).await, Ok(()));
}

pub async fn what_was_acknowledged_is_read_at_once(bench: &dyn Bench) {
    let store = bench.store();
    let register = |number: usize| {
        let store = store.clone();
        tokio::spawn(async move {
            let name = format!("user{number}@example.org");
            let account = Account::register(&store, &TenantId::default(), &name).await;
            assert_eq!(View::of(&store, &account).await, View::expected(&account));
        })
    };
    let tasks: Vec<_> = (0..MANY).map(register).collect();
    for task in tasks {
        task.await.expect("what was acknowledged is not all there");
    }
}

pub async fn a_conflict_rolls_back_itself_alone(bench: &dyn Bench) {
    let (store, tenant) = (bench.store(), TenantId::default());
    Account::register(&store, &tenant, "taken@example.org").await;
    let name =
        |at: usize| if at.is_multiple_of(2) { format!("user{at}@example.org") } else { "taken@example.org".into() };
    let mut accounts: Vec<_> = (0..MANY).map(|at| Account::of(&tenant, &name(at))).collect();
    let outcomes = race(&store, accounts.iter().map(Account::registration).collect()).await;
    for (number, (account, outcome)) in accounts.iter_mut().zip(outcomes).enumerate() {
        if number.is_multiple_of(2) {
            assert_eq!(outcome, Ok(()), "one list's conflict spoilt another list");
            account.identity.last_login_at = Some(account.session.issued_at);
            assert_eq!(View::of(&store, account).await, View::expected(account));
        } else {
            assert_eq!(outcome, Err(CommitError::Conflict(Unique::Identifier)));
            assert_eq!(store.accounts.identity(&Scope::System, account.identity.id).await, Ok(None));
        }
    }
    let all = IdentityQuery {
        scope: Scope::System,
        state: None,
        contains: None,
        without_factor: false,
        limit: 100,
        offset: 0,
    };
    assert_eq!(store.accounts.identities(&all).await.unwrap().total, 1 + MANY as u64 / 2);
}

/// Polls `work` at most `times` times and then drops it, as a server does when its client goes away.
async fn cut_off<T>(polls: usize, work: impl Future<Output = T>) {
    let mut work = pin!(work);
    for _ in 0..polls {
        let done = poll_fn(|context| Poll::Ready(work.as_mut().poll(context).is_ready())).await;
        if done {
            break;
        }
        tokio::task::yield_now().await;
    }
}

async fn is_whole_or_nothing(store: &Stores, account: &Account) -> bool {
    // The commit may still be on its way and land between two reads.
    for _ in 0..10_000 {
        let seen = View::of(store, account).await;
        if seen == View::expected(account) || seen == View::of_nobody() {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

pub async fn a_commit_whose_asker_left_is_whole_or_nothing(bench: &dyn Bench) {
    let store = bench.store();
    let mut abandoned = Vec::new();
    for round in 0..2 * MANY {
        let mut account = Account::of(&TenantId::default(), &format!("user{round}@example.org"));
        cut_off(round % 8, store.changes.commit(account.registration())).await;
        account.identity.last_login_at = Some(account.session.issued_at);
        abandoned.push(account);
    }
    let tenant = TenantId::default();
    let next = Account::register(&store, &tenant, "next@example.org");
    timeout(PATIENCE, next).await.expect("an abandoned commit blocks the next one");
    for account in &abandoned {
        assert!(is_whole_or_nothing(&store, account).await, "half a registration: {}", account.name.as_str());
    }
}

pub async fn a_read_whose_asker_left_blocks_nobody(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    for round in 0..4 * MANY {
        cut_off(round % 16, View::of(&store, &anna)).await;
    }
    let seen = timeout(PATIENCE, View::of(&store, &anna)).await.expect("an abandoned read blocks the next one");
    assert_eq!(seen, View::expected(&anna));
}
