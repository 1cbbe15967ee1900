//! Requests that are sent before the answers to earlier ones have come.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

/// A request that was sent, or failed before it could be; on a busy machine its answer may be here at once.
pub(crate) enum Flight<'f, T> {
    Landed(T),
    Under(Pin<Box<dyn Future<Output = T> + Send + 'f>>),
}

/// Polls a request once, which queues all that it sends; does not give way. What several of these launch one after the
/// other is therefore sent whole or, when the asking future is dropped before, not at all.
pub(crate) async fn launch<'f, T>(request: impl Future<Output = T> + Send + 'f) -> Flight<'f, T> {
    let mut request: Pin<Box<dyn Future<Output = T> + Send + 'f>> = Box::pin(request);
    let polled = poll_fn(|context| Poll::Ready(request.as_mut().poll(context))).await;
    match polled {
        Poll::Ready(answer) => Flight::Landed(answer),
        Poll::Pending => Flight::Under(request),
    }
}

impl<T> Flight<'_, T> {
    /// Waits for the answer. Answers come in the order of the requests, so those are best asked for in that order.
    pub(crate) async fn land(self) -> T {
        match self {
            Self::Landed(answer) => answer,
            Self::Under(request) => request.await,
        }
    }
}
