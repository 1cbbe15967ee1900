//! The keys that sign JWTs and biscuits: whether they are replaced on schedule.

use std::time::Duration;

use kayan_core::{DeniedError, Kayan, Operator, ShownKey};
use kayan_ports::{IssuerKeyState, Scope, Timestamp, timestamp};

use super::{audit::unanswered, finding::Finding};
use crate::compose;

pub(super) const AGE: &str = "tokens.keys";

/// How late a key may be replaced: the job runs several times a minute.
const PATIENCE: Duration = Duration::from_hours(1);

pub(super) async fn age(kayan: &Kayan) -> Vec<Finding> {
    match kayan.list_keys(&Operator::at_the_command_line(Scope::System)).await {
        Ok(keys) => judge(&keys, compose::clock().now()),
        Err(DeniedError::Failed(failure)) => unanswered(AGE, &failure.to_string()),
        Err(other) => unanswered(AGE, &other.to_string()),
    }
}

fn judge(keys: &[ShownKey], now: Timestamp) -> Vec<Finding> {
    let is_late = |key: &&ShownKey| key.until.is_some_and(|until| until + PATIENCE < now);
    let late: Vec<_> = keys.iter().filter(is_late).collect();
    let oldest = keys.iter().filter(|key| key.state == IssuerKeyState::Active).map(|key| key.since).min();
    if let Some(first) = late.iter().min_by_key(|key| key.until) {
        let told = format!(
            "{} signing keys are not replaced on schedule; the first of them, {} of tenant {}, is {} since {}",
            late.len(),
            first.id,
            first.tenant,
            first.state.as_str(),
            timestamp::text(first.since)
        );
        let hint = "the running service replaces them: check that it runs, and its log for the job replace_keys";
        return vec![Finding::warning(AGE, told, hint)];
    }
    vec![Finding::ok(
        AGE,
        oldest.map_or_else(
            || "there is no signing key yet: the first token makes one".to_owned(),
            |oldest| {
                format!(
                    "signing keys are replaced on schedule; the oldest active one signs since {}",
                    timestamp::text(oldest)
                )
            },
        ),
    )]
}

#[cfg(test)]
mod tests {
    use kayan_ports::{JwsAlgorithm, KeyId, KeyUse, TenantId};
    use time::{Duration as Span, macros::datetime};

    use super::*;
    use crate::commands::doctor::finding::Status;

    const NOW: Timestamp = datetime!(2026-04-01 12:00 UTC);

    fn key(until: Option<Timestamp>) -> ShownKey {
        ShownKey {
            id: KeyId(uuid::Uuid::nil()),
            tenant: TenantId::default(),
            usage: KeyUse::Jwt,
            algorithm: JwsAlgorithm::Es256,
            state: IssuerKeyState::Active,
            created_at: datetime!(2026-01-01 12:00 UTC),
            since: datetime!(2026-01-01 12:00 UTC),
            until,
        }
    }

    fn status(keys: &[ShownKey]) -> Status {
        let [finding] = &judge(keys, NOW)[..] else { panic!("one finding") };
        finding.status
    }

    #[test]
    fn a_key_that_is_an_hour_late_is_warned_of() {
        assert_eq!(status(&[]), Status::Ok);
        assert_eq!(status(&[key(None), key(Some(NOW - Span::HOUR))]), Status::Ok);
        assert_eq!(status(&[key(Some(NOW - Span::HOUR - Span::SECOND))]), Status::Warning);
    }
}
