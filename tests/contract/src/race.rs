//! Many lists of changes at the same moment.

use std::sync::Arc;

use kayan_ports::{Change, CommitError, Store};
use tokio::sync::Barrier;

/// How many take part in a race.
pub(crate) const MANY: usize = 64;

/// Commits every list from a task of its own, all let go at once, and says what came of each.
pub(crate) async fn race(store: &Arc<dyn Store>, lists: Vec<Vec<Change>>) -> Vec<Result<(), CommitError>> {
    let start = Arc::new(Barrier::new(lists.len()));
    let run = |changes| {
        let (store, start) = (Arc::clone(store), Arc::clone(&start));
        tokio::spawn(async move {
            start.wait().await;
            store.commit(changes).await
        })
    };
    let tasks: Vec<_> = lists.into_iter().map(run).collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.expect("a task of the race panicked"));
    }
    outcomes
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
