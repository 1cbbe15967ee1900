//! Decorators of ports: each call is a span of the request that makes it.

use std::sync::Arc;

use async_trait::async_trait;
use kayan_ports::{
    Admission, AdoptError, AttemptCounter, AttemptKey, Change, Failure, HashCost, HashError, Lockout, Password,
    PasswordHash, PasswordHasher, RateLimit, RateLimiter, Reservation, Target, TenantId, Timestamp, Verdict, Work,
};
use opentelemetry::{KeyValue, trace::SpanKind};
use opentelemetry_sdk::trace::SdkTracer;

use crate::traces;

/// Traces each hash, including its time in the queue; the hasher itself adds an event to the span when it begins.
pub struct TracedHasher {
    inner: Arc<dyn PasswordHasher>,
    tracer: SdkTracer,
}

impl TracedHasher {
    /// Traces the calls of `inner`, if traces are set up.
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
        let span = traces::child(Some(&self.tracer), name, SpanKind::Internal, Vec::new);
        traces::within(span, work, |error| match error {
            HashError::Overloaded => "overloaded",
            HashError::TooLong { .. } => "too_long",
            HashError::Fault(_) => "fault",
        })
        .await
    }
}

#[async_trait]
impl PasswordHasher for TracedHasher {
    async fn hash(&self, tenant: &TenantId, password: &Password) -> Result<PasswordHash, HashError> {
        self.traced("password.hash", self.inner.hash(tenant, password)).await
    }

    async fn verify(
        &self,
        tenant: &TenantId,
        against: Option<&PasswordHash>,
        password: &Password,
    ) -> Result<Verdict, HashError> {
        self.traced("password.verify", self.inner.verify(tenant, against, password)).await
    }

    async fn compute(&self, tenant: &TenantId, work: Work) -> Result<(), HashError> {
        self.traced("password.judge", self.inner.compute(tenant, work)).await
    }

    fn adopt(&self, hash: &PasswordHash, most: HashCost) -> Result<PasswordHash, AdoptError> {
        self.inner.adopt(hash, most)
    }

    fn max_bytes(&self) -> usize {
        self.inner.max_bytes()
    }
}

/// Traces each request to Redis.
pub struct TracedRedis<C: ?Sized> {
    inner: Arc<C>,
    tracer: SdkTracer,
}

impl<C: ?Sized> TracedRedis<C> {
    async fn traced<T>(
        &self,
        name: &'static str,
        request: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let attributes = || vec![KeyValue::new("db.system.name", "redis"), KeyValue::new("db.operation.name", name)];
        let span = traces::child(Some(&self.tracer), name, SpanKind::Client, attributes);
        traces::within(span, request, |_| "_OTHER").await
    }
}

impl TracedRedis<dyn RateLimiter> {
    /// Traces the calls of `inner`, if traces are set up.
    pub fn around(inner: Arc<dyn RateLimiter>) -> Arc<dyn RateLimiter> {
        match traces::tracer() {
            None => inner,
            Some(tracer) => Arc::new(Self { inner, tracer }),
        }
    }
}

impl TracedRedis<dyn AttemptCounter> {
    /// Traces the calls of `inner`, if traces are set up.
    pub fn around(inner: Arc<dyn AttemptCounter>) -> Arc<dyn AttemptCounter> {
        match traces::tracer() {
            None => inner,
            Some(tracer) => Arc::new(Self { inner, tracer }),
        }
    }
}

#[async_trait]
impl RateLimiter for TracedRedis<dyn RateLimiter> {
    async fn admit(&self, limit: &RateLimit, who: &str, now: Timestamp) -> Result<Admission, Failure> {
        self.traced("redis.admit", self.inner.admit(limit, who, now)).await
    }
}

#[async_trait]
impl AttemptCounter for TracedRedis<dyn AttemptCounter> {
    async fn reserve(&self, key: &AttemptKey, lockout: &Lockout, now: Timestamp) -> Result<Reservation, Failure> {
        self.traced("redis.reserve", self.inner.reserve(key, lockout, now)).await
    }

    async fn locked(&self, key: &AttemptKey, lockout: &Lockout, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
        self.traced("redis.locked", self.inner.locked(key, lockout, now)).await
    }

    async fn release(&self, key: &AttemptKey) -> Result<(), Failure> {
        self.traced("redis.release", self.inner.release(key)).await
    }

    async fn forget(&self, key: &AttemptKey) -> Result<(), Failure> {
        self.traced("redis.forget", self.inner.forget(key)).await
    }

    async fn unlock(&self, target: &Target) -> Result<(), Failure> {
        self.traced("redis.unlock", self.inner.unlock(target)).await
    }

    fn forgetting(&self, key: &AttemptKey) -> Option<Change> {
        self.inner.forgetting(key)
    }
}
