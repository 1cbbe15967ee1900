//! The port to the health of a part.

use async_trait::async_trait;

/// The health of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// It works.
    Healthy,
    /// The service works without this part; the text says what is missing. It contains no secret, host name or path.
    Degraded(String),
    /// The service does not work; the text says why. It contains no secret, host name or path.
    Unhealthy(String),
}

/// A part of the service whose health is reported, such as `database`.
#[async_trait]
pub trait Probe: Send + Sync {
    /// The name in the health report.
    fn name(&self) -> &'static str;

    /// Checks the part. After one second without an answer the part counts as failed.
    async fn check(&self) -> Condition;
}
