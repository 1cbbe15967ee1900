//! Delivers messages from the outbox, in a job for each channel: a mail server that does not answer delays no SMS.

use std::time::Duration;

use kayan_core::{Failure, Kayan, MESSAGE_BATCH, MessageOutcome, WorkedMessage};
use kayan_ports::{Channel, MailFailure, MessageKind};

use crate::runner::Job;

const DELIVERED: &str = "kayan_messages_delivered_total";
const FAILURES: &str = "kayan_message_failures_total";
/// The reason of a message that can't be read or rendered.
const BROKEN: &str = "broken";

/// A person waits for most messages.
const EVERY: Duration = Duration::from_secs(1);

pub(crate) const MAILS: Job = Job { name: "deliver_mails", every: EVERY, at_start: true };
pub(crate) const SMS: Job = Job { name: "deliver_sms", every: EVERY, at_start: true };

/// Makes every series, so that the first increase of each is seen.
pub(crate) fn announce() {
    for kind in MessageKind::ALL {
        metrics::counter!(DELIVERED, "kind" => kind.as_str()).increment(0);
    }
    for reason in MailFailure::ALL.map(MailFailure::as_str).into_iter().chain([BROKEN]) {
        metrics::counter!(FAILURES, "reason" => reason).increment(0);
    }
}

/// Works until nothing is due. Each replica does: the messages that one leases, no other gets.
pub(crate) async fn run(kayan: &Kayan, channel: Channel) -> Result<(), Failure> {
    loop {
        let worked = kayan.deliver_messages(channel).await?;
        worked.iter().for_each(count);
        if worked.len() < usize::try_from(MESSAGE_BATCH).unwrap_or(usize::MAX) {
            return Ok(());
        }
    }
}

fn count(message: &WorkedMessage) {
    let WorkedMessage { id, kind, outcome } = message;
    let kind = kind.as_str();
    match outcome {
        MessageOutcome::Delivered => metrics::counter!(DELIVERED, "kind" => kind).increment(1),
        MessageOutcome::Dropped => {}
        MessageOutcome::Postponed(why) => {
            metrics::counter!(FAILURES, "reason" => why.as_str()).increment(1);
            tracing::debug!(message_id = %id, kind, reason = why.as_str(), "a message was not delivered; it will be retried");
        }
        MessageOutcome::GivenUp(why) => {
            metrics::counter!(FAILURES, "reason" => why.as_str()).increment(1);
            given_up(id, kind, why.as_str());
        }
        MessageOutcome::Broken => {
            metrics::counter!(FAILURES, "reason" => BROKEN).increment(1);
            given_up(id, kind, BROKEN);
        }
    }
}

fn given_up(id: &kayan_ports::MessageId, kind: &str, reason: &str) {
    tracing::warn!(
        message_id = %id,
        kind,
        reason,
        "a message was given up: `kayan admin message show` says why, `kayan admin message retry` tries again"
    );
}
