//! Yields to other tasks during long work.

use std::{future::poll_fn, task::Poll};

/// Lets the runtime turn to other tasks once.
pub(crate) async fn yield_now() {
    let mut gave_way = false;
    poll_fn(|context| {
        if std::mem::replace(&mut gave_way, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
