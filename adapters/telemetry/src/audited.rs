//! Commits whose audit events are also written to the audit log, once they are committed.

use std::sync::Arc;

use async_trait::async_trait;
use kayan_ports::{Change, Commit, CommitError, Failure};
use opentelemetry::trace::FutureExt as _;

use crate::AuditLog;

/// What commits, and the log. Needs a tokio runtime.
pub struct Audited {
    inner: Arc<dyn Commit>,
    log: Arc<AuditLog>,
}

impl Audited {
    /// Writes to `log` what is committed to `inner`.
    pub fn new(inner: Arc<dyn Commit>, log: Arc<AuditLog>) -> Self {
        Self { inner, log }
    }
}

impl AuditLog {
    /// Writes the events among changes that were committed, for somebody who has not done so by way of [`Audited`].
    pub fn tell_of(&self, changes: &[Change]) {
        let (text, count) = lines(changes);
        if count > 0 {
            self.write(text, count);
        }
    }
}

/// The events among the changes as JSON lines, and how many they are.
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
    /// Goes on when nobody waits for it any more, so that what is committed is also written.
    async fn commit(&self, changes: Vec<Change>) -> Result<(), CommitError> {
        let (text, count) = lines(&changes);
        if count == 0 {
            return self.inner.commit(changes).await;
        }
        let (inner, log) = (self.inner.clone(), self.log.clone());
        let committing = async move {
            let outcome = inner.commit(changes).await;
            if outcome.is_ok() {
                log.write(text, count);
            }
            outcome
        };
        let committing = tokio::spawn(committing.with_current_context());
        committing
            .await
            .unwrap_or_else(|_| Err(CommitError::Failed(Failure::Fault("a commit did not come to its end".to_owned()))))
    }
}

#[cfg(test)]
mod tests;
