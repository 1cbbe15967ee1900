//! Ports whose work is a span of the request that waits for it.

use std::sync::Arc;

use async_trait::async_trait;
use kayan_ports::{HashError, Password, PasswordHash, PasswordHasher, Verdict};
use opentelemetry::{
    Context, KeyValue,
    global::BoxedTracer,
    trace::{FutureExt as _, SpanKind, Status, TraceContextExt as _},
};

use crate::traces;

/// A hasher whose hashes are spans: from the moment that somebody wants one, so with the time in the queue. The hasher
/// itself notes in the span when it begins.
pub struct TracedHasher {
    inner: Arc<dyn PasswordHasher>,
    tracer: BoxedTracer,
}

impl TracedHasher {
    /// Traces what `inner` is asked, if this process keeps traces.
    pub fn around(inner: Arc<dyn PasswordHasher>) -> Arc<dyn PasswordHasher> {
        match traces::tracer() {
            None => inner,
            Some(tracer) => Arc::new(Self { inner, tracer }),
        }
    }

    async fn traced<T>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, HashError>>,
    ) -> Result<T, HashError> {
        let Some(span) = traces::below(Some(&self.tracer), name, SpanKind::Internal, Vec::new) else {
            return work.await;
        };
        let context = Context::current_with_span(span);
        let outcome = work.with_context(context.clone()).await;
        if let Err(error) = &outcome {
            let kind = match error {
                HashError::Overloaded => "overloaded",
                HashError::TooLong { .. } => "too_long",
                HashError::Fault(_) => "fault",
            };
            context.span().set_attribute(KeyValue::new("error.type", kind));
            context.span().set_status(Status::error(""));
        }
        context.span().end();
        outcome
    }
}

#[async_trait]
impl PasswordHasher for TracedHasher {
    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        self.traced("password.hash", self.inner.hash(password)).await
    }

    async fn verify(&self, against: Option<&PasswordHash>, password: &Password) -> Result<Verdict, HashError> {
        self.traced("password.verify", self.inner.verify(against, password)).await
    }

    fn recognises(&self, hash: &PasswordHash) -> bool {
        self.inner.recognises(hash)
    }

    fn max_bytes(&self) -> usize {
        self.inner.max_bytes()
    }
}
