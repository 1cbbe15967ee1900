//! Commits whose audit events are also written to the audit log, once they are committed.

use std::sync::Arc;

use async_trait::async_trait;
use kayan_ports::{Change, Commit, CommitError, Failure};
use opentelemetry::trace::FutureExt as _;

use crate::AuditLog;

/// Decorates commits with the audit log. Needs a tokio runtime.
pub struct Audited {
    inner: Arc<dyn Commit>,
    log: Arc<AuditLog>,
}

impl Audited {
    /// Writes the audit events that are committed to `inner` to `log`.
    pub fn new(inner: Arc<dyn Commit>, log: Arc<AuditLog>) -> Self {
        Self { inner, log }
    }
}

impl AuditLog {
    /// Writes the audit events of changes that were committed without [`Audited`].
    pub fn record(&self, changes: &[Change]) {
        let (text, count) = lines(changes);
        if count > 0 {
            self.write(text, count);
        }
    }
}

/// The audit events of the changes as JSON lines, and their number.
fn lines(changes: &[Change]) -> (Vec<u8>, u64) {
    let (mut text, mut count) = (Vec::new(), 0);
    for change in changes {
        let Change::Record(event) = change else { continue };
        if kayan_ports::terminal::write_json(&mut text, event).is_ok() {
            text.push(b'\n');
            count += 1;
        }
    }
    (text, count)
}

#[async_trait]
impl Commit for Audited {
    /// Continues when the caller is cancelled, so that every committed event is written.
    async fn commit(&self, changes: Vec<Change>) -> Result<(), CommitError> {
        let (text, count) = lines(&changes);
        if count == 0 {
            return self.inner.commit(changes).await;
        }
        let log = self.log.clone();
        commit_then(self.inner.clone(), changes, move || log.write(text, count)).await
    }
}

/// Commits the changes, and then calls `then` if they are committed, even if the caller is cancelled meanwhile.
pub(crate) async fn commit_then(
    inner: Arc<dyn Commit>,
    changes: Vec<Change>,
    then: impl FnOnce() + Send + 'static,
) -> Result<(), CommitError> {
    let committing = async move {
        let outcome = inner.commit(changes).await;
        if outcome.is_ok() {
            then();
        }
        outcome
    };
    let committing = tokio::spawn(committing.with_current_context());
    let aborted = || CommitError::Failed(Failure::Fault("the commit was aborted".to_owned()));
    committing.await.unwrap_or_else(|_| Err(aborted()))
}

#[cfg(test)]
mod tests;
