//! Requests that are sent before the answers to earlier ones have come.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

/// A request that was sent, or failed before; its answer may have arrived already.
pub(crate) enum Flight<'f, T> {
    Landed(T),
    Under(Pin<Box<dyn Future<Output = T> + Send + 'f>>),
}

/// Polls a request once, which queues all that it sends, and never yields. So several launched one after the other are
/// sent as a whole or, if the calling future is dropped before, not at all.
pub(crate) async fn launch<'f, T>(request: impl Future<Output = T> + Send + 'f) -> Flight<'f, T> {
    let mut request: Pin<Box<dyn Future<Output = T> + Send + 'f>> = Box::pin(request);
    let polled = poll_fn(|context| Poll::Ready(request.as_mut().poll(context))).await;
    match polled {
        Poll::Ready(answer) => Flight::Landed(answer),
        Poll::Pending => Flight::Under(request),
    }
}

impl<T> Flight<'_, T> {
    /// Waits for the answer. Answers arrive in the order of the requests: await them in that order.
    pub(crate) async fn land(self) -> T {
        match self {
            Self::Landed(answer) => answer,
            Self::Under(request) => request.await,
        }
    }
}
