//! Work that runs to its end even if the client disconnects: an attempt that was counted also gets its verdict (I-41).

use opentelemetry::trace::FutureExt as _;

/// Begins the work in a task of its own, within the trace of the request, and waits for it.
pub(crate) fn to_its_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> impl Future<Output = T> {
    let task = tokio::spawn(work.with_current_context());
    async { task.await.unwrap_or_else(|ended| std::panic::resume_unwind(ended.into_panic())) }
}
