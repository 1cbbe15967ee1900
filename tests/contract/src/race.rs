//! Many lists of changes at the same moment.

use std::sync::Arc;

use kayan_ports::{Change, CommitError, Stores};
use tokio::sync::Barrier;

/// How many take part in a race.
pub(crate) const MANY: usize = 64;

/// Runs every future in a task of its own, all let go at once, and gives their outcomes in order.
pub(crate) async fn together<F>(futures: impl Iterator<Item = F>) -> Vec<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let futures: Vec<F> = futures.collect();
    let start = Arc::new(Barrier::new(futures.len()));
    let run = |future: F| {
        let start = Arc::clone(&start);
        tokio::spawn(async move {
            start.wait().await;
            future.await
        })
    };
    let tasks: Vec<_> = futures.into_iter().map(run).collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.expect("a task of the race panicked"));
    }
    outcomes
}

/// Commits every list from a task of its own, all let go at once, and says what came of each.
pub(crate) async fn race(store: &Stores, lists: Vec<Vec<Change>>) -> Vec<Result<(), CommitError>> {
    let commit = |changes| {
        let store = store.clone();
        async move { store.changes.commit(changes).await }
    };
    together(lists.into_iter().map(commit)).await
}

/// Breaks unless exactly one list won and every other one was told `refusal`; says which one won.
#[track_caller]
pub(crate) fn only_winner(outcomes: &[Result<(), CommitError>], refusal: &CommitError) -> usize {
    let winners: Vec<_> = (0..outcomes.len()).filter(|&at| outcomes[at].is_ok()).collect();
    assert_eq!(winners.len(), 1, "exactly one list must win: {outcomes:?}");
    for outcome in outcomes {
        assert!(
            outcome.is_ok() || outcome.as_ref() == Err(refusal),
            "the others must be told {refusal:?}: {outcome:?}"
        );
    }
    winners[0]
}
