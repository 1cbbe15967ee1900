//! The port to anything whose health can be asked for.

use async_trait::async_trait;

/// How well a part is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// It works.
    Healthy,
    /// The service goes on with less; the text says what is missing. No secret, host name or path in it.
    Degraded(String),
    /// The service can't do its work; the text says why. No secret, host name or path in it.
    Unhealthy(String),
}

/// A part of the service whose health is reported, such as `database`.
#[async_trait]
pub trait Probe: Send + Sync {
    /// The name in the health report.
    fn name(&self) -> &'static str;

    /// Looks; answers within a second or is given up on.
    async fn check(&self) -> Condition;
}
