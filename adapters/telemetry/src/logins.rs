//! Counts logins and second factors by the audit events that are committed.
//!
//! A login that a limit or a lockout refuses does not always leave an event (I-34), so the decorators of those ports count it.

use std::sync::Arc;

use ::metrics::Counter;
use async_trait::async_trait;
use kayan_ports::{AuditEvent, Change, Commit, CommitError, EventType};
use serde_json::Value;

use crate::audited::commit_then;

const LOGINS: &str = "kayan_login_total";
const SECOND_FACTORS: &str = "kayan_mfa_total";
/// What the limit and the lockout of logins are called.
const GUARDED: &str = "login";
/// The ways to log in.
const STRATEGIES: [&str; 3] = ["password", "oidc", "webauthn"];
/// The second factors.
const FACTORS: [&str; 4] = ["totp", "recovery_code", "webauthn", "otp"];

/// Decorates commits with the count of logins. Needs a tokio runtime.
pub struct CountedLogins(Arc<dyn Commit>);

impl CountedLogins {
    /// Counts the logins whose events are committed to `inner`.
    pub fn new(inner: Arc<dyn Commit>) -> Self {
        for status in ["success", "failure"] {
            for strategy in STRATEGIES {
                ::metrics::counter!(LOGINS, "status" => status, "strategy" => strategy).increment(0);
            }
            for factor in FACTORS {
                ::metrics::counter!(SECOND_FACTORS, "status" => status, "type" => factor).increment(0);
            }
        }
        Self(inner)
    }
}

/// Counts a refusal of the limit or the lockout of this name, if it is that of logins.
pub(crate) fn refused(name: &str) {
    if name == GUARDED {
        ::metrics::counter!(LOGINS, "status" => "failure", "strategy" => "password").increment(1);
    }
}

/// What a change counts as.
fn counted(change: &Change) -> Option<Counter> {
    let Change::Record(event) = change else { return None };
    let status = match event.kind {
        EventType::LoginSuccess => "success",
        EventType::LoginFailure => "failure",
        // Without an actor, it tells of refusals by a lockout, which are counted one by one.
        EventType::LoginBlocked if event.actor.is_some() => "failure",
        EventType::MfaSuccess | EventType::MfaFailure => {
            let status = if event.kind == EventType::MfaSuccess { "success" } else { "failure" };
            let factor = method(event);
            return Some(::metrics::counter!(SECOND_FACTORS, "status" => status, "type" => factor));
        }
        _ => return None,
    };
    Some(::metrics::counter!(LOGINS, "status" => status, "strategy" => method(event)))
}

fn method(event: &AuditEvent) -> String {
    event.metadata.get("method").and_then(Value::as_str).unwrap_or("unknown").to_owned()
}

#[async_trait]
impl Commit for CountedLogins {
    /// Continues when the caller is cancelled, so that every committed login is counted.
    async fn commit(&self, changes: Vec<Change>) -> Result<(), CommitError> {
        let counters: Vec<_> = changes.iter().filter_map(counted).collect();
        if counters.is_empty() {
            return self.0.commit(changes).await;
        }
        let count = move || counters.iter().for_each(|counter| counter.increment(1));
        commit_then(self.0.clone(), changes, count).await
    }
}

#[cfg(test)]
mod tests;
