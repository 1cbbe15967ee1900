//! What the writer promises when many write at once.

use std::sync::Arc;

use kayan_ports::{
    AccessTokens, AccountChange, Change, Client, Commit, CommitError, Failure, Known, Lookup, Store, TenantId, Unique,
};
use kayan_sql::{Driver, Expect, SqlStore, Statement};
use tokio::task::JoinSet;

use crate::{
    Settings, SqliteDriver,
    samples::{file, hash, identifier, login, migrated, registration},
};

/// Queues the lists while the writer can't begin, so that they form one group; answers what became of each.
async fn together(store: &SqlStore<SqliteDriver>, lists: Vec<Vec<Change>>) -> Vec<Result<(), CommitError>> {
    let busy = store.driver().connection.clone().lock_owned().await;
    let mut waiting: Vec<_> = lists.into_iter().map(|list| store.commit(list)).collect();
    for commit in &mut waiting {
        // the first poll queues it
        assert_eq!(poll_once(commit).await, None);
    }
    drop(busy);
    let mut outcomes = Vec::new();
    for commit in waiting {
        outcomes.push(commit.await);
    }
    outcomes
}

async fn poll_once<T>(task: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut *task).poll(context) {
            std::task::Poll::Ready(value) => Some(value),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

async fn signs_in(store: &impl Store, number: u32) -> Option<Known> {
    let found = store.login_candidate(&TenantId::default(), &identifier(number), &Client::default(), None).await;
    found.unwrap().expect("the tenant").known
}

#[tokio::test]
async fn batches_that_wait_together_share_one_transaction() {
    let (_folder, path) = file();
    let store = migrated(&path).await;
    let before = store.driver().commits();
    let numbers: Vec<u32> = (1..=100).collect();
    let outcomes = together(&store, numbers.iter().copied().map(registration).collect()).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(store.driver().commits() - before, 1);
    for number in numbers {
        assert!(signs_in(&store, number).await.is_some(), "{number}");
    }
}

#[tokio::test]
async fn a_conflict_rolls_back_its_own_batch_and_not_its_neighbours() {
    let (_folder, path) = file();
    let store = migrated(&path).await;
    // the second 7 comes too late, and the 8 in its list goes with it
    let mut twin = registration(8);
    twin.extend(registration(7));
    let before = store.driver().commits();
    let outcomes = together(&store, vec![registration(7), twin, registration(9)]).await;
    assert_eq!(outcomes, [Ok(()), Err(CommitError::Conflict(Unique::Identity)), Ok(())]);
    assert_eq!(store.driver().commits() - before, 1, "all three were in one transaction");
    for (number, there) in [(7, true), (8, false), (9, true)] {
        assert_eq!(signs_in(&store, number).await.is_some(), there, "{number}");
    }
}

#[tokio::test]
async fn equal_identifiers_in_one_group_let_exactly_one_win() {
    let (_folder, path) = file();
    let store = Arc::new(migrated(&path).await);
    let mut rivals = Vec::new();
    for number in 1..=64 {
        let mut changes = registration(number);
        if let Change::Account(AccountChange::Create { identifiers, .. }) = &mut changes[0] {
            identifiers[0].value = identifier(0);
        }
        rivals.push(changes);
    }
    let mut tasks = JoinSet::new();
    for changes in rivals {
        let store = Arc::clone(&store);
        tasks.spawn(async move { store.commit(changes).await });
    }
    let outcomes = tasks.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(outcomes.iter().filter(|o| **o == Err(CommitError::Conflict(Unique::Identifier))).count(), 63);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_see_what_was_acknowledged_while_others_write() {
    let (_folder, path) = file();
    for dsn in [&path, ":memory:"] {
        let store = Arc::new(migrated(dsn).await);
        let mut tasks = JoinSet::new();
        for number in 1..=200 {
            let store = Arc::clone(&store);
            tasks.spawn(async move {
                store.commit(registration(number)).await.unwrap();
                store.commit(login(number)).await.unwrap();
                let found = store.authenticated_session(&TenantId::default(), &hash(3, number)).await.unwrap();
                assert!(matches!(found, Lookup::Found(_)), "{number}");
            });
        }
        while let Some(task) = tasks.join_next().await {
            task.unwrap();
        }
        assert!(store.driver().commits() <= 400);
    }
}

#[tokio::test]
async fn a_full_queue_refuses_and_a_dropped_caller_leaves_whole_batches() {
    let (_folder, path) = file();
    drop(migrated(&path).await);
    let settings = Settings { queue: 2, ..Settings::default() };
    let store = SqlStore::new(SqliteDriver::open(&path, settings).unwrap());
    let busy = store.driver().connection.clone().lock_owned().await;
    let mut refused = 0;
    let mut waiting = Vec::new();
    for number in 1..=10 {
        let mut commit = store.commit(registration(number));
        match poll_once(&mut commit).await {
            None => waiting.push((number, commit)),
            Some(outcome) => {
                assert!(
                    matches!(&outcome, Err(CommitError::Failed(Failure::Unavailable(why))) if why.contains("queue")),
                    "{outcome:?}"
                );
                refused += 1;
            }
        }
    }
    assert!(refused >= 7, "two wait and at most one is in the writer's hand: {refused}");
    let queued: Vec<u32> = waiting.iter().map(|(number, _)| *number).collect();
    drop(waiting);
    drop(busy);
    // dropping the driver waits until the queue is empty
    drop(store);
    let store = crate::open(&path).unwrap();
    for number in queued {
        let Some(found) = signs_in(&store, number).await else {
            panic!("{number} was queued and is not there");
        };
        assert!(found.password.is_some(), "{number} is there in part");
    }
}

#[tokio::test]
async fn a_lock_held_by_another_process_is_unavailable_and_nothing_stays() {
    let (_folder, path) = file();
    drop(migrated(&path).await);
    let settings = Settings { busy: std::time::Duration::from_millis(20), ..Settings::default() };
    let store = SqlStore::new(SqliteDriver::open(&path, settings).unwrap());
    let other = crate::samples::raw(&path);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let outcome = store.commit(registration(1)).await;
    assert!(
        matches!(&outcome, Err(CommitError::Failed(Failure::Unavailable(why))) if why.contains("lock")),
        "{outcome:?}"
    );
    assert_eq!(signs_in(&store, 1).await, None, "reading goes on");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.commit(registration(1)).await, Ok(()));
}

#[tokio::test]
async fn a_full_disk_is_unavailable_for_the_group_and_nothing_of_it_stays() {
    let (_folder, path) = file();
    let store = migrated(&path).await;
    let limit = |pages: u32| {
        let driver = store.driver();
        async move {
            let connection = driver.connection.lock().await;
            connection.query_row(&format!("PRAGMA max_page_count = {pages}"), (), |_| Ok(())).unwrap();
        }
    };
    // to the pages it has
    limit(1).await;
    let outcomes = together(&store, (1..=200).map(registration).collect()).await;
    let full = |outcome: &Result<(), CommitError>| matches!(outcome, Err(CommitError::Failed(Failure::Unavailable(why))) if why.contains("full"));
    assert!(outcomes.iter().any(full), "{outcomes:?}");
    for (number, outcome) in (1..).zip(&outcomes) {
        assert!(outcome.is_ok() || full(outcome), "{outcome:?}");
        assert_eq!(signs_in(&store, number).await.is_some(), outcome.is_ok(), "{number}");
    }
    limit(1_000_000).await;
    store.commit(registration(1_000)).await.unwrap();
}

#[tokio::test]
async fn a_statement_that_cannot_be_run_is_a_fault_without_its_text() {
    let (_folder, path) = file();
    let store = migrated(&path).await;
    let wrong = |sql, params| Statement { sql, params, expect: Expect::Any };
    for statement in [
        wrong("-- test.syntax\nINSERT INTO sessions (id) VALUES (?, nonsense())", vec!["s3cret".into()]),
        wrong("-- test.params\nDELETE FROM sessions WHERE id = ?", vec![]),
        wrong("-- test.type\nINSERT INTO tenants (id, active, created_at) VALUES ('t', 1, ?)", vec!["s3cret".into()]),
    ] {
        let error = store.driver().apply(vec![statement.clone()]).await.unwrap_err().to_string();
        let signature = statement.sql.lines().next().unwrap().trim_start_matches("-- ");
        assert!(error.starts_with(signature), "{error}");
        assert!(!error.contains("s3cret") && !error.contains("VALUES") && !error.contains("WHERE"), "{error}");
    }
}
